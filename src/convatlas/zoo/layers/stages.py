"""Stages of a network: those whose layers stand in one list, and how many blocks a deeper one has."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

from torch import Tensor, nn


def deepened(depths: Iterable[int], depth: float) -> tuple[int, ...]:
    """How many blocks stages have in a network ``depth`` times as deep: rounded up, as EfficientNet's are."""
    return tuple(math.ceil(blocks * depth) for blocks in depths)


def chain(modules: Iterable[nn.Module]) -> Callable[[Tensor], Tensor]:
    """The modules one after the other, as one function."""
    modules = tuple(modules)

    def run(x: Tensor) -> Tensor:
        for module in modules:
            x = module(x)
        return x

    return run


def split(features: nn.Sequential, starts: Sequence[int]) -> dict[str, Callable[[Tensor], Tensor]]:
    """The layers cut before each of ``starts``: `stem`, then `stage1`, `stage2`, ..., and `last` after the last cut."""
    layers = list(features)
    cuts = [0, *starts, len(layers)]
    names = ["stem", *(f"stage{i}" for i in range(1, len(starts))), "last"]
    return {name: chain(layers[start:end]) for name, start, end in zip(names, cuts[:-1], cuts[1:], strict=True)}
