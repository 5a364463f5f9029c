"""The `stem` option that many families share."""

from __future__ import annotations

from ...errors import ConvatlasError


def is_small(stem: str) -> bool:
    """Whether the stem is the one for small images: a 3x3 convolution of stride 1, and no pooling.

    Raises:
        ConvatlasError: the stem is neither "imagenet" nor "small".

    """
    if stem not in ("imagenet", "small"):
        raise ConvatlasError(f'`stem` (={stem!r}) must be "imagenet" or "small"')
    return stem == "small"
