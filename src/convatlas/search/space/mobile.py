"""Mobile networks: depth, width, kernel, expansion and squeeze-and-excitation of each stage."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from torch import nn

from ...errors import ConvatlasError
from ..networks.layers import ConvNorm, Head
from ..networks.mobile import Block, Mobile, Stage
from .base import Built, Columns, Part, Values
from .shipped import ShippedSpace
from .staged import SMALL_PIXELS, halved, stage_choices, stage_parts

_NAMES = ("depth", "width", "kernel", "expansion", "squeeze")
_SMALL_STRIDES = (1, 1, 2, 1, 2, 1)
_STRIDES = (1, 2, 2, 2, 1, 2)  # MobileNetV2's, with its first block and its last a stage each


class MobileParts:
    """The parts of mobile networks for one size of images."""

    def __init__(self, input_size: tuple[int, int, int], num_classes: int) -> None:
        self.input_size, self.num_classes = input_size, num_classes

    def stem(self, channels: int, stride: int) -> Built:
        """The first convolution."""
        return Built(ConvNorm(self.input_size[0], channels, 3, stride, activation=nn.ReLU6), (self.input_size,), first=True)

    def block(self, inputs: int, width: int, kernel: int, expansion: int, squeeze: int, stride: int, side: int) -> Built:
        """A block that reads maps of that side."""
        return Built(Block(inputs, width, kernel, expansion, bool(squeeze), stride), ((inputs, side, side),))

    def features(self, channels: int, features: int, side: int) -> Built:
        """The last convolution, and the classifier."""
        return Built(
            nn.Sequential(ConvNorm(channels, features, activation=nn.ReLU6), Head(features, self.num_classes)),
            ((channels, side, side),),
        )


class MobileSpace(ShippedSpace):
    """Six stages of inverted residual blocks.

    Args:
        widths: options of each stage's width.
        depths: of the number of blocks in a stage; or a row of options for each stage.
        kernels: of the depthwise convolution, odd.
        expansions: of its channels to the block's input's.
        squeeze: whether there is squeeze-and-excitation.
        stem, features: channels of the first and the last convolution.

    Raises:
        ConvatlasError: an even kernel, or an expansion below 1.

    """

    name = "mobile"
    network = Mobile

    def __init__(
        self,
        input_size: tuple[int, int, int] = (3, 224, 224),
        num_classes: int = 1000,
        *,
        widths: Sequence[Sequence[int]] = ((16, 24), (24, 32), (32, 40, 48), (64, 80, 96), (96, 112, 128), (160, 192, 240, 320)),
        depths: Sequence[int] | Sequence[Sequence[int]] = (1, 2, 3, 4),
        kernels: Sequence[int] | Sequence[Sequence[int]] = (3, 5, 7),
        expansions: Sequence[int] | Sequence[Sequence[int]] = (1, 3, 4, 6),
        squeeze: Sequence[bool] | Sequence[Sequence[bool]] = (False, True),
        stem: int = 16,
        features: int = 1280,
    ) -> None:
        self.input_size, self.num_classes, self.stem_channels, self.features = input_size, num_classes, stem, features
        small = input_size[1] <= SMALL_PIXELS
        self.stem_stride = 1 if small else 2
        strides = _SMALL_STRIDES if small else _STRIDES
        self.strides = [strides[stage] if stage < len(strides) else 1 for stage in range(len(widths))]
        self.choices = stage_choices(
            len(widths), depth=depths, width=widths, kernel=kernels, expansion=expansions, squeeze=squeeze
        )  # fmt: skip
        for choice in self.choices:
            numbers: Any = choice.options
            if choice.name.endswith("kernel") and (even := [number for number in numbers if number % 2 == 0 or number < 1]):
                raise ConvatlasError(f"`{choice.name}` (={even[0]}) must be odd: an even kernel changes the map's size")
            if choice.name.endswith("expansion") and min(numbers) < 1:
                raise ConvatlasError(f"`{choice.name}` (={min(numbers)}) must be at least 1")
        self._made = MobileParts(input_size, num_classes)

    def parts(self, columns: Columns) -> Iterator[Part]:
        side = halved(self.input_size[1], self.stem_stride)
        sides, rows = [side], []
        for stage, stride in enumerate(self.strides, 1):
            sides.append(halved(sides[-1], stride))
            depth, width, *shape = (columns[f"stage{stage}.{name}"] for name in _NAMES)
            rows.append((depth, width, tuple(shape)))
        yield Part(self._made.stem, (self.stem_channels, self.stem_stride))
        yield from stage_parts(self._made.block, sides[:-1], self.strides, self.stem_channels, rows)
        yield Part(self._made.features, (rows[-1][1], self.features, sides[-1]))

    def arguments(self, values: Values) -> dict[str, object]:
        found: Any = values
        stages = []
        for stage, stride in enumerate(self.strides, 1):
            depth, width, kernel, expansion, squeeze = (found[f"stage{stage}.{name}"] for name in _NAMES)
            stages.append(Stage(depth, width, kernel, expansion, squeeze, stride))
        return {
            "stem": self.stem_channels,
            "stem_stride": self.stem_stride,
            "stages": stages,
            "features": self.features,
        }
