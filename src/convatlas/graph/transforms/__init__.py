"""Graph -> Graph: a loss, frozen parameters, ops in the parts that a device runs; and the whole training step."""

from .backward import training_step
from .decompose import decomposed
from .freeze import frozen
from .loss import LOSS, with_loss
from .real import as_real

__all__ = ["LOSS", "as_real", "decomposed", "frozen", "training_step", "with_loss"]
