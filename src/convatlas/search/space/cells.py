"""NASNet's space: a normal and a reduction cell, each a few steps that add up two operations on what was made before."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ...errors import ConvatlasError
from ...names import unknown_name
from ..networks.cells import OPERATIONS, Cells, Fit, Step, operation
from ..networks.layers import ConvNorm, Head
from .base import Built, Choice, Columns, Part, Values
from .shipped import ShippedSpace
from .staged import SMALL_PIXELS, halved

_CELLS = ("normal", "reduction")
_STAGES = 3
_SIDES = ("left", "right")


class _Sum(nn.Module):
    def forward(self, left: Tensor, right: Tensor) -> Tensor:
        return left + right


class _Concatenation(nn.Module):
    def forward(self, *states: Tensor) -> Tensor:
        return torch.cat(states, 1)


class CellParts:
    """The parts of networks of cells for one size of images."""

    def __init__(self, input_size: tuple[int, int, int], num_classes: int, operations: Sequence[str]) -> None:
        self.input_size, self.num_classes, self.operations = input_size, num_classes, operations

    def stem(self, channels: int, stride: int) -> Built:
        """The first convolution."""
        return Built(ConvNorm(self.input_size[0], channels, 3, stride), (self.input_size,), first=True)

    def fit(self, inputs: int, channels: int, stride: int, side: int) -> Built:
        """What brings a cell's input to the cell's width."""
        return Built(Fit(inputs, channels, stride), ((inputs, side, side),))

    def operation(self, number: int, channels: int, stride: int, side: int) -> Built:
        """One operation of a step, by its position among the space's."""
        return Built(operation(self.operations[number], channels, stride), ((channels, side, side),))

    def sum(self, channels: int, side: int) -> Built:
        """The sum of a step."""
        return Built(_Sum(), ((channels, side, side),) * 2)

    def concatenation(self, states: int, channels: int, side: int) -> Built:
        """The end of a cell."""
        return Built(_Concatenation(), ((channels, side, side),) * states)

    def head(self, channels: int, side: int) -> Built:
        """The classifier, and the activation before it."""
        return Built(nn.Sequential(nn.ReLU(), Head(channels, self.num_classes)), ((channels, side, side),))


class CellSpace(ShippedSpace):
    """Two cells, how often the normal one is repeated in each of three stages, and the width of the first stage.

    Args:
        steps: of each cell.
        operations: to choose from: see `networks.cells.OPERATIONS`.
        channels: options of the first stage's width.
        repeats: options of the normal cells in a stage.

    Raises:
        ConvatlasError: an unknown operation, or no step.

    """

    name = "cells"
    network = Cells

    def __init__(
        self,
        input_size: tuple[int, int, int] = (3, 224, 224),
        num_classes: int = 1000,
        *,
        steps: int = 4,
        operations: Sequence[str] = OPERATIONS,
        channels: Sequence[int] = (16, 24, 32, 48),
        repeats: Sequence[int] = (1, 2, 3),
    ) -> None:
        self.input_size, self.num_classes, self.steps, self.operations = input_size, num_classes, steps, tuple(operations)
        for name in operations:
            if name not in OPERATIONS:
                raise unknown_name("operation", name, OPERATIONS, f"there are {', '.join(OPERATIONS)}")
        if steps < 1 or min(repeats) < 1:
            raise ConvatlasError(f"`steps` (={steps}) and `repeats` (={min(repeats)}) must be at least 1")
        self.stem_stride = 1 if input_size[1] <= SMALL_PIXELS else 2
        choices = [Choice(name="channels", options=tuple(channels)), Choice(name="repeats", options=tuple(repeats))]
        for cell in _CELLS:
            for step in range(1, steps + 1):
                for side in _SIDES:
                    choices.append(Choice(name=f"{cell}{step}.{side}", options=self.operations))
                    choices.append(Choice(name=f"{cell}{step}.{side}_of", options=tuple(range(step + 1))))
        self.choices = tuple(choices)
        self._made = CellParts(input_size, num_classes, self.operations)

    def parts(self, columns: Columns) -> Iterator[Part]:
        made, repeats = self._made, columns["repeats"]
        states = {cell: self._concatenated(columns, cell) for cell in _CELLS}
        channels = columns["channels"]
        side = halved(self.input_size[1], self.stem_stride)
        yield Part(made.stem, (channels, self.stem_stride))
        before: NDArray[np.int64] = channels
        last: NDArray[np.int64] = channels
        for stage in range(_STAGES):
            width = channels * 2**stage
            before_side, before_stride = side, 1
            if stage:
                yield Part(made.fit, (before, width, 1, side))
                yield Part(made.fit, (last, width, 1, side))
                yield from self._inside(columns, "reduction", width, 2, side, 1)
                before, last = last, width * states["reduction"]
                side, before_stride = halved(side), 2
                yield Part(made.concatenation, (states["reduction"], width, side))
            for place in range(int(repeats.max(initial=1))):
                here = (place < repeats).astype(np.int64)
                yield Part(made.fit, (before, width, before_stride, before_side), here)
                yield Part(made.fit, (last, width, 1, side), here)
                before, last = np.where(here, last, before), np.where(here, width * states["normal"], last)
                before_side, before_stride = side, 1
            yield from self._inside(columns, "normal", width, 1, side, repeats)
            yield Part(made.concatenation, (states["normal"], width, side), repeats)
        yield Part(made.head, (last, side))

    def _inside(
        self, columns: Columns, cell: str, width: NDArray[np.int64], stride: int, side: int, count: NDArray[np.int64] | int
    ) -> Iterator[Part]:
        """The steps of ``count`` equal cells."""
        inner = halved(side, stride)
        for step in range(1, self.steps + 1):
            for each in _SIDES:
                outer = columns[f"{cell}{step}.{each}_of"] < 2  # the cell's inputs have not been halved yet
                key = (columns[f"{cell}{step}.{each}"], width, np.where(outer, stride, 1), np.where(outer, side, inner))
                yield Part(self._made.operation, key, count)
        yield Part(self._made.sum, (width, inner), count * self.steps)

    def _concatenated(self, columns: Columns, cell: str) -> NDArray[np.int64]:
        """How many states a cell concatenates."""
        total = np.zeros(len(columns["channels"]), np.int64)
        for state in range(2, self.steps + 2):
            reads = [columns[f"{cell}{step}.{side}_of"] == state for step in range(state, self.steps + 1) for side in _SIDES]
            total += ~np.any(reads, axis=0) if reads else 1
        return total

    def arguments(self, values: Values) -> dict[str, object]:
        found: Any = values
        cells = {}
        for cell in _CELLS:
            steps = []
            for step in range(1, self.steps + 1):
                pair = sorted((found[f"{cell}{step}.{side}"], found[f"{cell}{step}.{side}_of"]) for side in _SIDES)
                steps.append(Step(*pair[0], *pair[1]))  # a sum does not depend on the order
            cells[cell] = steps
        return {
            "channels": values["channels"],
            "stem_stride": self.stem_stride,
            "repeats": values["repeats"],
            **cells,
        }
