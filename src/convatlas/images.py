"""From a file to a network's input: any mode and orientation that Pillow reads, resized, cropped, normalised.

Training, evaluation and prediction all read here, so they see the same pixels.
"""

from __future__ import annotations

import glob
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from .errors import ConvatlasError
from .weights import Preprocessing

Image.init()
FORMATS = tuple(sorted(set(Image.OPEN) - {"EPS"}))  # PostScript is a program, which Ghostscript would run
IMAGE_SUFFIXES = frozenset(suffix for suffix, kind in Image.registered_extensions().items() if kind in FORMATS)  # no PDF
_NARROWEST = 1000  # long side over short side; resized, a narrower image would take a gigabyte
FILTERS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC, "nearest": Image.Resampling.NEAREST}


class ImageError(ConvatlasError):
    """A file is no image that can be read."""


class TooManyPixelsError(ImageError):
    """An image is larger than is allowed."""


def find_images(places: Iterable[str]) -> list[Path]:
    """The image files that files, folders (searched through) and patterns name, each once, in order.

    Raises:
        ConvatlasError: a place does not exist, a pattern matches nothing, or a folder holds no image.
    """
    found: list[Path] = []
    for place in places:
        path = Path(place)
        if path.is_dir():
            inside = [file for file in _files(path, "**/*") if file.suffix.lower() in IMAGE_SUFFIXES]
            if not inside:
                raise ConvatlasError(f"{place} is a folder without images")
            found += inside
        elif path.is_file():
            found.append(path)
        elif not glob.has_magic(place):
            raise ConvatlasError(f"{place}: no such file or folder")
        elif matches := _files(Path(path.anchor), str(path.relative_to(path.anchor))):
            found += matches
        else:
            raise ConvatlasError(f"{place}: the pattern matches no file")
    return list(dict.fromkeys(found))


def _files(folder: Path, pattern: str) -> list[Path]:
    """The files that match, in order; hidden ones are not images but what systems note about them."""
    return sorted(file for file in folder.glob(pattern) if file.is_file() and not file.name.startswith("."))


def read_image(
    source: Path | BinaryIO, channels: int = 3, name: str | None = None, *, max_pixels: int | None = None
) -> Image.Image:
    """An image upright, 8 bits deep, in ``channels`` channels (3: RGB, 1: grey); what is transparent becomes white.

    ``name`` is what an error calls it, by default the path. With ``max_pixels`` a larger one is refused before it is decoded.

    Raises:
        ImageError: the file is no image, damaged, or too large.
    """
    try:
        with Image.open(source, formats=FORMATS) as opened:
            if max_pixels is not None and opened.width * opened.height > max_pixels:
                size = f"{opened.width}x{opened.height}"
                raise TooManyPixelsError(f"{name or source}: {size} pixels are more than the {max_pixels:,} that are allowed")
            opened.load()
            image = ImageOps.exif_transpose(opened)
        if max(image.size) > _NARROWEST * min(image.size):
            raise ConvatlasError(f"{image.width}x{image.height} pixels are too narrow to resize")
        if image.mode.startswith("I") or image.mode == "F":
            image = _to_eight_bits(image)
        if image.mode == "PA" or "transparency" in image.info or image.mode in ("RGBA", "LA", "La", "RGBa"):
            image = image.convert("RGBA")
            white = Image.new("RGBA", image.size, "white")
            image = Image.alpha_composite(white, image)
        return image.convert("RGB" if channels == 3 else "L")
    except TooManyPixelsError:
        raise
    except Image.DecompressionBombError as error:  # so large that Pillow does not even open it
        raise TooManyPixelsError(f"{name or source}: more pixels than are allowed: {error}") from error
    except Exception as error:  # Pillow's decoders raise what they like over damaged files
        if isinstance(error, UnidentifiedImageError):
            reason = "no image that can be read"
        elif isinstance(error, OSError) and error.strerror:  # of the system, not of a decoder
            reason = error.strerror
        else:
            reason = str(error) if isinstance(error, ConvatlasError) else f"damaged, or of an unusual kind: {error}"
        raise ImageError(f"{name or source}: {reason}") from error


def _to_eight_bits(image: Image.Image) -> Image.Image:
    """Deeper greyscale at its full scale: the first of the usual ones into which all values fit, else the largest value."""
    values = np.nan_to_num(np.asarray(image, dtype=np.float64), posinf=0.0)
    largest = float(values.max(initial=0.0))
    usual = (1.0, 255.0, 65535.0) if image.mode == "F" else (65535.0,)  # a float image says nothing of its scale
    full = next((scale for scale in usual if largest <= scale), largest)
    return Image.fromarray(np.clip(np.rint(values * (255.0 / full)), 0, 255).astype(np.uint8))


def to_input(image: Image.Image, preprocessing: Preprocessing) -> Tensor:
    """The network's input (C, crop, crop), float32: short side resized, centre cropped, scaled to 0..1, normalised."""
    return torch.from_numpy(normalise(to_pixels(fit(image, preprocessing)), preprocessing))


def fit(image: Image.Image, preprocessing: Preprocessing) -> Image.Image:
    """Short side resized, centre cropped: crop x crop."""
    width, height = image.size
    short = min(width, height)
    size = (max(1, width * preprocessing.resize // short), max(1, height * preprocessing.resize // short))
    image = image.resize(size, FILTERS[preprocessing.interpolation])
    crop = preprocessing.crop
    left, top = round((size[0] - crop) / 2), round((size[1] - crop) / 2)
    return image.crop((left, top, left + crop, top + crop))


def to_pixels(image: Image.Image) -> np.ndarray:
    """An 8-bit image as uint8 (C, H, W)."""
    pixels = np.array(image)
    return pixels.transpose(2, 0, 1) if pixels.ndim == 3 else pixels[None]


def normalise(pixels: np.ndarray, preprocessing: Preprocessing) -> np.ndarray:
    """uint8 (..., C, H, W) scaled to 0..1, less the mean, over the standard deviation: float32.

    By numpy, in one thread: to start torch's threads for a batch of small images takes longer than the work.
    """
    channels = pixels.shape[-3]
    mean, std = (np.array(values[:channels], np.float32)[:, None, None] for values in (preprocessing.mean, preprocessing.std))
    normalised = pixels.astype(np.float32, order="C")
    normalised /= 255
    normalised -= mean
    normalised /= std
    return normalised
