"""Residual networks: depth, width, bottleneck ratio, groups and squeeze-and-excitation of each stage."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from torch import nn

from ...errors import ConvatlasError
from ..networks.layers import ConvNorm, Head
from ..networks.residual import Block, Residual, Stage
from .base import Built, Columns, Part, Values
from .shipped import ShippedSpace
from .staged import SMALL_PIXELS, halved, stage_choices, stage_parts


class ResidualParts:
    """The parts of residual networks for one size of images."""

    def __init__(self, input_size: tuple[int, int, int], num_classes: int) -> None:
        self.input_size, self.num_classes = input_size, num_classes

    def stem(self, channels: int, stride: int) -> Built:
        """The first convolution."""
        return Built(ConvNorm(self.input_size[0], channels, 3, stride, activation=nn.ReLU), (self.input_size,), first=True)

    def block(self, inputs: int, width: int, inner: int, groups: int, squeeze: int, stride: int, side: int) -> Built:
        """A block that reads maps of that side."""
        return Built(Block(inputs, width, inner, groups, bool(squeeze), stride), ((inputs, side, side),))

    def head(self, channels: int, side: int) -> Built:
        """The classifier."""
        return Built(Head(channels, self.num_classes), ((channels, side, side),))


class ResidualSpace(ShippedSpace):
    """Stages of bottleneck blocks. Every option of a choice goes with every option of the others.

    Args:
        widths: options of each stage's width.
        depths: options of the number of blocks in each stage; or a row of options for each stage.
        ratios: a block's width to its 3x3 convolution's.
        groups: of the 3x3 convolution.
        squeeze: whether there is squeeze-and-excitation.
        stem: channels of the first convolution.

    Raises:
        ConvatlasError: some options do not make a block; names the choice.

    """

    name = "residual"
    network = Residual

    def __init__(
        self,
        input_size: tuple[int, int, int] = (3, 224, 224),
        num_classes: int = 1000,
        *,
        widths: Sequence[Sequence[int]] = ((32, 64, 96, 128), (64, 96, 128, 192), (128, 192, 256, 384), (256, 384, 512, 768)),
        depths: Sequence[int] | Sequence[Sequence[int]] = (1, 2, 3, 4, 5, 6),
        ratios: Sequence[int] = (1, 2, 4),
        groups: Sequence[int] | Sequence[Sequence[int]] = (1, 2, 4, 8),
        squeeze: Sequence[bool] | Sequence[Sequence[bool]] = (False, True),
        stem: int = 32,
    ) -> None:
        self.input_size, self.num_classes, self.stem_channels = input_size, num_classes, stem
        small = input_size[1] <= SMALL_PIXELS
        self.stem_stride = 1 if small else 2
        self.strides = [1 if small and not stage else 2 for stage in range(len(widths))]
        self.choices = stage_choices(
            len(widths), depth=depths, width=widths, ratio=ratios, groups=groups, squeeze=squeeze
        )  # fmt: skip
        self._made = ResidualParts(input_size, num_classes)
        self._check()

    def _check(self) -> None:
        options = {choice.name: choice.options for choice in self.choices}
        for stage in range(1, len(self.strides) + 1):
            widths: Any = options[f"stage{stage}.width"]
            ratios: Any = options[f"stage{stage}.ratio"]
            every: Any = options[f"stage{stage}.groups"]
            for width in widths:
                for ratio in ratios:
                    if ratio < 1 or width % ratio:
                        raise ConvatlasError(
                            f"`stage{stage}.ratio` (={ratio}) must divide the option {width} of stage{stage}.width"
                        )
                    for groups in every:
                        if groups < 1 or (width // ratio) % groups:
                            raise ConvatlasError(
                                f"`stage{stage}.groups` (={groups}) must divide the {width // ratio} channels of its 3x3 convolutions "
                                f"(width {width}, ratio {ratio})"
                            )

    def parts(self, columns: Columns) -> Iterator[Part]:
        side = halved(self.input_size[1], self.stem_stride)
        sides, rows = [side], []
        for stage, stride in enumerate(self.strides, 1):
            sides.append(halved(sides[-1], stride))
            depth, width, ratio, groups, squeeze = (
                columns[f"stage{stage}.{name}"] for name in ("depth", "width", "ratio", "groups", "squeeze")
            )
            rows.append((depth, width, (width // ratio, groups, squeeze)))
        yield Part(self._made.stem, (self.stem_channels, self.stem_stride))
        yield from stage_parts(self._made.block, sides[:-1], self.strides, self.stem_channels, rows)
        yield Part(self._made.head, (rows[-1][1], sides[-1]))

    def arguments(self, values: Values) -> dict[str, object]:
        found: Any = values
        stages = []
        for stage, stride in enumerate(self.strides, 1):
            depth, width, ratio, groups, squeeze = (
                found[f"stage{stage}.{name}"] for name in ("depth", "width", "ratio", "groups", "squeeze")
            )
            stages.append(Stage(depth, width, width // ratio, groups, squeeze, stride))
        return {
            "stem": self.stem_channels,
            "stem_stride": self.stem_stride,
            "stages": stages,
        }
