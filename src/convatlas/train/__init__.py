"""Training: any network of the zoo, or a module, on images; a run is a folder that nothing is lost from.

run = train("resnet20_cifar", "digits", epochs=10)
run.best["val_top1"], run.network(), run.evaluate()
"""

from .checkpoint import DiskFullError
from .recipe import Recipe
from .run import Run
from .start import Interrupted, train

__all__ = ["DiskFullError", "Interrupted", "Recipe", "Run", "train"]
