"""Graph -> Graph: a loss, frozen parameters, ops in the parts that a device runs; and the whole training step."""

from .accumulate import accumulated_in_place
from .backward import training_step
from .decompose import decomposed
from .freeze import frozen
from .loss import LOSS, with_loss

__all__ = ["LOSS", "accumulated_in_place", "decomposed", "frozen", "training_step", "with_loss"]
