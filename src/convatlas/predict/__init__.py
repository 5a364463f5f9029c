"""What a network sees in images: files in, most likely classes out."""

from ..images import ImageError, find_images, read_image
from .run import Prediction, class_names, predict

__all__ = ["ImageError", "Prediction", "class_names", "find_images", "predict", "read_image"]
