"""Convolution, batch norm, activation: the layer that networks since 2017 are written in."""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain
from typing import TypedDict

from torch import nn

from ...errors import ConvatlasError
from .same import SamePad

Norm = Callable[[int], nn.Module]
Activation = Callable[..., nn.Module]


class ConvOptions(TypedDict, total=False):
    """What all convolutions of one network have in common."""

    norm: Norm
    activation: Activation | None
    same: bool


def conv_norm_act(
    in_channels: int,
    out_channels: int,
    kernel: int = 3,
    *,
    stride: int = 1,
    padding: int | None = None,
    groups: int = 1,
    norm: Norm = nn.BatchNorm2d,
    activation: Activation | None = nn.ReLU,
) -> list[nn.Module]:
    """A convolution without bias, its norm, and an activation unless it is linear; padded to keep the maps' size."""
    padding = kernel // 2 if padding is None else padding
    conv = nn.Conv2d(in_channels, out_channels, kernel, stride, padding, groups=groups, bias=False)
    return [conv, norm(out_channels)] if activation is None else [conv, norm(out_channels), activation(inplace=True)]


class ConvNormAct(nn.Sequential):
    """The layers of `conv_norm_act`, named 0, 1, 2; ``same`` pads a strided convolution as TensorFlow does."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: int = 3,
        *,
        stride: int = 1,
        groups: int = 1,
        same: bool = False,
        norm: Norm = nn.BatchNorm2d,
        activation: Activation | None = nn.ReLU,
    ) -> None:
        super().__init__()
        padding = None
        if same and stride > 1:
            self.pad, padding = SamePad(kernel, stride), 0
        layers = conv_norm_act(
            in_channels,
            out_channels,
            kernel,
            stride=stride,
            padding=padding,
            groups=groups,
            norm=norm,
            activation=activation,
        )
        for i, layer in enumerate(layers):
            self.add_module(str(i), layer)


def unrolled(*layers: nn.Module) -> list[nn.Module]:
    """The layers in one flat list: what a `ConvNormAct` among them holds stands in its place."""
    return list(chain.from_iterable(layer if isinstance(layer, ConvNormAct) else (layer,) for layer in layers))


def round_channels(channels: float, divisor: int = 8) -> int:
    """The multiple of ``divisor`` nearest to ``channels``, but never more than 10 % below it."""
    rounded = max(divisor, int(channels + divisor / 2) // divisor * divisor)
    return rounded if rounded >= 0.9 * channels else rounded + divisor


def positive_width(width: float) -> float:
    """The width multiplier itself.

    Raises:
        ConvatlasError: it is not positive.

    """
    if not width > 0:
        raise ConvatlasError(f"`width` (={width!r}) must be positive")
    return width
