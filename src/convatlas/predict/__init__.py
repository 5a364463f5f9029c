"""What a network sees in images: files in, most likely classes out."""

from ..classes import class_names
from ..images import ImageError, find_images, read_image
from .classifier import Classifier, Guess
from .fast import fast_from_the_start, fast_when_it_pays
from .run import Prediction, predict

__all__ = [
    "Classifier",
    "Guess",
    "ImageError",
    "Prediction",
    "class_names",
    "fast_from_the_start",
    "fast_when_it_pays",
    "find_images",
    "predict",
    "read_image",
]
