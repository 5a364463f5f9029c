"""scikit-learn's bundled digits: 1,797 grey images of 8 x 8 (Alpaydin and Kaynak 1998, the test part of UCI's set)."""

from __future__ import annotations

import numpy as np

from .images import MemoryImages
from .source import Source


def digits() -> Source:
    """The digits, not split."""
    from sklearn.datasets import load_digits

    pixels, labels = load_digits(return_X_y=True)
    grey = np.rint(pixels * (255 / 16)).astype(np.uint8).reshape(-1, 1, 8, 8)
    images = MemoryImages("digits", grey, labels)
    return Source(train=images, val=None, classes=tuple("0123456789"), channels=1, size=8, short_sides=(8, 8))
