"""What GoogLeNet and Inception-v3 share."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from ...errors import ConvatlasError

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


class BasicConv2d(nn.Module):
    """A convolution, batch normalisation (or else a bias), and ReLU."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: int | tuple[int, int],
        *,
        stride: int = 1,
        padding: int | tuple[int, int] = 0,
        batch_norm: bool = True,
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, kernel, stride=stride, padding=padding, bias=not batch_norm)
        self.bn = nn.BatchNorm2d(out_channels, eps=0.001) if batch_norm else None
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        if self.bn is not None:
            x = self.bn(x)
        return cast(Tensor, self.relu(x))


def from_imagenet_statistics(x: Tensor) -> Tensor:
    """Images normalised by ImageNet's mean and deviation, as normalised by 0.5 and 0.5 (N, 3, H, W)."""
    channels = [
        x[:, i : i + 1] * (std / 0.5) + (mean - 0.5) / 0.5
        for i, (mean, std) in enumerate(zip(IMAGENET_MEAN, IMAGENET_STD, strict=True))
    ]
    return torch.cat(channels, 1)


def check_transform_input(transform_input: bool, in_channels: int) -> None:
    """Refuse to renormalise what is no RGB image.

    Raises:
        ConvatlasError: ``transform_input`` without three channels.

    """
    if transform_input and in_channels != 3:
        raise ConvatlasError(f"`transform_input` needs `in_channels` (={in_channels}) to be 3")


def run(network: nn.Module, x: Tensor, *names: str) -> Tensor:
    """What the network's submodules of these names make of x, one after the other."""
    for name in names:
        x = getattr(network, name)(x)
    return x
