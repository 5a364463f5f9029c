"""What a network sees in images: files in, most likely classes out."""

from ..classes import class_names
from ..images import ImageError, find_images, read_image
from .classifier import Classifier, Guess
from .run import Prediction, predict

__all__ = ["Classifier", "Guess", "ImageError", "Prediction", "class_names", "find_images", "predict", "read_image"]
