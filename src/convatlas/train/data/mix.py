"""MixUp (Zhang et al. 2017) and CutMix (Yun et al. 2019), for pairs: each image has a partner and a share of its own.

torchvision's transforms draw one share for a whole batch, from torch's state, and pair it with itself turned by one; what comes out
would then depend on how a batch is split over processes. What is done to a pair is the same.
"""

from __future__ import annotations

import numpy as np

from .augmentation import Augmentation, Draws, below


def partners(draws: Draws, indexes: np.ndarray) -> np.ndarray:
    """For each image of a whole batch the place of its partner in it, which is another image unless the batch is of one."""
    count = len(indexes)
    places: np.ndarray = (np.arange(count) + 1 + below(draws.partner[indexes], max(1, count - 1))) % count
    return places


def mix(
    own: tuple[np.ndarray, np.ndarray],
    other: tuple[np.ndarray, np.ndarray],
    augmentation: Augmentation,
    draws: Draws,
    indexes: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Pixels (N, C, H, W) and targets (N, classes) of images, mixed with their partners'. ``indexes`` are the images' own."""
    pixels, targets = own
    partner, partner_targets = other
    cuts = np.full(len(indexes), augmentation.cutmix > 0)
    if augmentation.mixup > 0 and augmentation.cutmix > 0:
        cuts = draws.kind[indexes] < 2**31
    share = np.ones(len(indexes), np.float32)
    if augmentation.mixup > 0:
        share[~cuts] = draws.mixup[indexes[~cuts]]
    weight = share[:, None, None, None]
    mixed = pixels * weight
    mixed += partner * (1 - weight)
    if cuts.any():
        inside = _boxes(draws, indexes[cuts], pixels.shape[2], pixels.shape[3])
        share[cuts] = 1 - inside.mean((1, 2))
        mixed[cuts] = np.where(inside[:, None], partner[cuts], pixels[cuts])
    kept = share[:, None]
    return mixed, targets * kept + partner_targets * (1 - kept)


def _boxes(draws: Draws, indexes: np.ndarray, height: int, width: int) -> np.ndarray:
    """Which pixels (N, H, W) are the partner's: a box around a drawn centre that has the partner's share, before the edges cut it."""
    half = 0.5 * np.sqrt(1 - draws.cutmix[indexes])
    rows = _spans(below(draws.box_top[indexes], height), (half * height).astype(np.int64), height)
    columns = _spans(below(draws.box_left[indexes], width), (half * width).astype(np.int64), width)
    boxes: np.ndarray = rows[:, :, None] & columns[:, None, :]
    return boxes


def _spans(centre: np.ndarray, half: np.ndarray, length: int) -> np.ndarray:
    at = np.arange(length)
    inside: np.ndarray = (at >= (centre - half)[:, None]) & (at < (centre + half)[:, None])
    return inside
