"""What a kind of data finds: splits that exist, or images that are still to be split."""

from __future__ import annotations

from dataclasses import dataclass

from .images import Images


@dataclass(frozen=True, kw_only=True)
class Source:
    """Images as they were found. Labels are indexes into ``classes``.

    Attributes:
        train: images to train on, of which some are to validate where ``val`` is None.
        val: images that validate, where the data say which.
        classes: names.
        channels, size: as in ``Data``.
    """

    train: Images
    val: Images | None
    classes: tuple[str, ...]
    channels: int
    size: int | None = None
