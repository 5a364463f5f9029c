"""RegNet's line: widths that rise linearly with depth, quantised to stages; Radosavovic et al. 2020 (arXiv:2003.13678), eq. 2 to 4."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import ConvatlasError
from ..networks.residual import Residual, Stage
from .base import Choice, Columns, Index, Part, Values
from .residual import ResidualParts
from .shipped import ShippedSpace
from .staged import SMALL_PIXELS, halved, stage_parts

_STAGES = 4
_QUANTUM = 8


class RegNetSpace(ShippedSpace):
    """Depth, first width, slope, ratio between stages, channels in a group, squeeze-and-excitation.

    The paper's networks have four stages; of a line with another number of widths the rows merge into four (more) or stay empty (fewer).

    Args:
        depths: options of the number of blocks.
        first_widths: of w0.
        slopes: of wa.
        ratios: of wm, above 1.
        group_widths: channels in a group.
        squeeze: whether there is squeeze-and-excitation.

    Raises:
        ConvatlasError: a ratio of at most 1, or a slope below 0.

    """

    name = "regnet"
    network = Residual

    def __init__(
        self,
        input_size: tuple[int, int, int] = (3, 224, 224),
        num_classes: int = 1000,
        *,
        depths: Sequence[int] = tuple(range(12, 29)),
        first_widths: Sequence[int] = (24, 32, 48, 64, 80, 96, 128, 160),
        slopes: Sequence[float] = (16, 20, 24, 28, 32, 36, 40, 48, 56, 64, 80, 96),
        ratios: Sequence[float] = (2.0, 2.25, 2.5, 2.75, 3.0),
        group_widths: Sequence[int] = (8, 16, 24, 32, 40, 48, 64),
        squeeze: Sequence[bool] = (False, True),
        stem: int = 32,
    ) -> None:
        self.input_size, self.num_classes, self.stem_channels = input_size, num_classes, stem
        self.stem_stride = 1 if input_size[1] <= SMALL_PIXELS else 2
        if min(ratios) <= 1:
            raise ConvatlasError(f"`ratio` (={min(ratios)}) must be above 1: it is that of a stage's width to the one before")
        if min(slopes) < 0:
            raise ConvatlasError(f"`slope` (={min(slopes)}) must be at least 0: widths rise with depth")
        named: Any = {
            "depth": depths, "first_width": first_widths, "slope": slopes, "ratio": ratios, "group_width": group_widths,
            "squeeze": squeeze,
        }  # fmt: skip
        self.choices = tuple(Choice(name=name, options=tuple(options)) for name, options in named.items())
        self._made = ResidualParts(input_size, num_classes)

    def parts(self, columns: Columns) -> Iterator[Part]:
        depths, widths, group_widths = self._stages(columns)
        squeeze = columns["squeeze"]
        side = halved(self.input_size[1], self.stem_stride)
        sides, rows = [side], []
        for depth, width, group_width in zip(depths, widths, group_widths, strict=True):
            sides.append(halved(sides[-1]))
            rows.append((depth, width, (width, width // np.maximum(group_width, 1), squeeze)))
        yield Part(self._made.stem, (self.stem_channels, self.stem_stride))
        yield from stage_parts(self._made.block, sides[:-1], (2,) * _STAGES, self.stem_channels, rows)
        used = np.sum([depth > 0 for depth in depths], axis=0)
        last, reached = (np.choose(used - 1, each) for each in (widths, sides[1:]))
        yield Part(self._made.head, (last, reached))

    def _stages(self, columns: Columns) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Depths, widths and group widths, each (stages, candidates)."""
        depth, first, group_width = columns["depth"], columns["first_width"], columns["group_width"]
        slope, ratio = (
            self._numbers(name)[columns[name]] if name in self._fractional else columns[name] for name in ("slope", "ratio")
        )
        blocks = np.arange(int(depth.max(initial=1)))
        linear = first + slope * blocks[:, None]  # (blocks, candidates)
        power = np.rint(np.log(linear / first) / np.log(ratio))
        widths = (np.rint(first * ratio**power / _QUANTUM) * _QUANTUM).astype(np.int64)
        present = blocks[:, None] < depth
        changes = np.concatenate([np.zeros((1, len(depth)), bool), np.diff(widths, axis=0) > 0])
        stage = np.minimum(np.cumsum(changes, axis=0), _STAGES - 1)
        depths = np.stack([np.sum(present & (stage == place), axis=0) for place in range(_STAGES)])
        own = np.stack([np.where(present & (stage == place), widths, 0).max(axis=0) for place in range(_STAGES)])
        groups = np.where(own > 0, np.minimum(group_width, own), 0)
        fitted = np.where(own > 0, np.maximum(np.rint(own / np.maximum(groups, 1)), 1) * groups, 0).astype(np.int64)
        return depths, fitted, groups

    @property
    def _fractional(self) -> set[str]:
        """The choices whose columns hold positions, since not all options are whole numbers."""
        return {choice.name for choice in self.choices if not all(isinstance(option, int) for option in choice.options)}

    def _numbers(self, name: str) -> NDArray[np.float64]:
        return np.array(next(choice.options for choice in self.choices if choice.name == name), np.float64)

    def arguments(self, values: Values) -> dict[str, object]:
        row: Index = np.array([self.positions(values)])
        depths, widths, group_widths = (each[:, 0].tolist() for each in self._stages(self.columns(row)))
        stages = [
            Stage(depth, width, width, width // group_width, bool(values["squeeze"]), 2)
            for depth, width, group_width in zip(depths, widths, group_widths, strict=True)
            if depth
        ]
        return {
            "stem": self.stem_channels,
            "stem_stride": self.stem_stride,
            "stages": stages,
        }
