"""Images that lie in memory as a network reads them, so that a batch is one gather."""

from __future__ import annotations

import numpy as np

from ...images import fit
from ...weights import Preprocessing
from .images import Images

_MOST_BYTES = 2 << 30


def fitted(images: Images, channels: int, preprocessing: Preprocessing) -> np.ndarray | None:
    """uint8 (N, channels, crop, crop), each image as evaluation sees it before it is normalised.

    None if the images do not lie in memory, or would take over 2 GiB so.
    """
    pixels, crop = images.pixels, preprocessing.crop
    if pixels is None:
        return None
    if pixels.shape[1:] == (channels, crop, crop) and preprocessing.resize == crop:
        return pixels
    if len(images) * channels * crop * crop > _MOST_BYTES:
        return None
    made = np.empty((len(images), crop, crop, channels), np.uint8)
    for index in range(len(images)):
        made[index] = np.asarray(fit(images.read(index, channels), preprocessing)).reshape(crop, crop, channels)
    return np.ascontiguousarray(made.transpose(0, 3, 1, 2))
