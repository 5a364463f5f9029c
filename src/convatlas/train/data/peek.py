"""What a few of many images tell about all: channels and sizes, from the heads of their files."""

from __future__ import annotations

import numpy as np
from PIL import Image

from .errors import DataError
from .images import EncodedImages
from .source import Source

_LOOKED_AT = 64
_SMALL = 96  # sides up to STL-10's: made for networks as they are, not photographs
_GREY = ("1", "L", "LA", "La", "I", "F")


def source_of(train: EncodedImages, val: EncodedImages | None, classes: tuple[str, ...]) -> Source:
    """A source of images of which up to 64, spread evenly, are looked at; what cannot be read is passed over.

    Raises:
        DataError: none of them can be read.
    """
    sizes, grey, reason = set(), True, ""
    for index in np.unique(np.linspace(0, len(train) - 1, _LOOKED_AT).astype(int)).tolist():
        try:
            with Image.open(train.encoded(index)) as image:
                sizes.add(image.size)
                grey &= image.mode in _GREY or image.mode.startswith("I;16")
        except Exception as error:  # Pillow's readers raise what they like over damaged files
            reason = f"{train.place(index)}: {error}"
    if not sizes:
        raise DataError(f"of {min(_LOOKED_AT, len(train))} images that were looked at none can be read: {reason}")
    short = [min(size) for size in sizes]
    width, height = next(iter(sizes))
    return Source(
        train=train,
        val=val,
        classes=classes,
        channels=1 if grey else 3,
        size=width if len(sizes) == 1 and width == height <= _SMALL else None,
        short_sides=(min(short), max(short)),
    )
