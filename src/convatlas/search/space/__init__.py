"""Spaces of networks, as typed data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

from ...errors import ConvatlasError
from ...names import unknown_name
from .base import Choice, Space
from .cells import CellSpace
from .mobile import MobileSpace
from .own import OwnSpace
from .regnet import RegNetSpace
from .residual import ResidualSpace
from .staged import SMALL_PIXELS

__all__ = ["SPACES", "CellSpace", "Choice", "MobileSpace", "OwnSpace", "RegNetSpace", "ResidualSpace", "Space", "space_of"]


def _residual(input_size: tuple[int, int, int], num_classes: int) -> Space:
    """For small images three stages of fewer channels."""
    if input_size[1] > SMALL_PIXELS:
        return ResidualSpace(input_size, num_classes)
    widths = ((8, 16, 32), (16, 32, 64), (32, 64, 128))
    return ResidualSpace(input_size, num_classes, stem=16, widths=widths, depths=(1, 2, 3), ratios=(1, 2), groups=(1, 2, 4))


def _mobile(input_size: tuple[int, int, int], num_classes: int) -> Space:
    """For small images narrower stages and fewer features."""
    if input_size[1] > SMALL_PIXELS:
        return MobileSpace(input_size, num_classes)
    widths = ((8, 16), (16, 24), (24, 32), (32, 48), (48, 64), (64, 96))
    return MobileSpace(input_size, num_classes, widths=widths, depths=(1, 2, 3), features=256)


SPACES: dict[str, Callable[[tuple[int, int, int], int], Space]] = {
    "residual": _residual,
    "mobile": _mobile,
    "regnet": RegNetSpace,
    "cells": CellSpace,
}


def space_of(
    space: str | Space | Callable[..., nn.Module], input_size: tuple[int, int, int] | None = None, num_classes: int | None = None
) -> Space:
    """A space by its name, as it is, or of a function whose parameters' tuples are its choices.

    Args:
        space: one of `SPACES`, "package.module:function" or "file.py:function" (which may also be a `Space`), a `Space`, or a function.
        input_size: (C, H, W) of an image; None for 3x224x224, or the function's own.
        num_classes: how many logits; None for 1000.

    Raises:
        ConvatlasError: there is no such space, or the function has no choice.

    """
    if isinstance(space, Space):
        return space
    if callable(space):
        return OwnSpace(space, input_size, num_classes or 1000)
    if ":" in space:
        from ...models.usercode import attribute_of

        found: Any = attribute_of(space)
        if not isinstance(found, Space) and not callable(found):
            raise ConvatlasError(f"{space} (={found!r:.60}) is neither a space nor a function that makes a network")
        return space_of(found, input_size, num_classes)
    if space not in SPACES:
        raise unknown_name("space", space, SPACES, f"there are {', '.join(SPACES)}; or a function of yours, as my_space.py:network")
    return SPACES[space](input_size or (3, 224, 224), num_classes or 1000)
