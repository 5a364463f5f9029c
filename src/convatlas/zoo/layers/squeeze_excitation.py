"""Squeeze-and-excitation: Hu et al., "Squeeze-and-Excitation Networks" (2017, arXiv:1709.01507), Fig. 1."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from ...errors import ConvatlasError


class SqueezeExcitation(nn.Module):
    """x * gate(fc2(act(fc1(mean of x)))): every channel is scaled by what all channels hold on average."""

    def __init__(
        self,
        channels: int,
        squeezed: int,
        *,
        activation: Callable[..., nn.Module] = nn.ReLU,
        gate: Callable[[], nn.Module] = nn.Sigmoid,
    ) -> None:
        super().__init__()
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc1 = nn.Conv2d(channels, squeezed, 1)
        self.activation = activation(inplace=True)
        self.fc2 = nn.Conv2d(squeezed, channels, 1)
        self.gate = gate()

    def forward(self, x: Tensor) -> Tensor:
        scale: Tensor = self.gate(self.fc2(self.activation(self.fc1(self.avgpool(x)))))
        return x * scale


def squeeze(channels: int, reduction: int) -> SqueezeExcitation:
    """The paper's block, which squeezes to ``channels`` / ``reduction``.

    Raises:
        ConvatlasError: the reduction is below 1, or leaves no channel.

    """
    if not 1 <= reduction <= channels:
        raise ConvatlasError(f"`reduction` (={reduction!r}) must be from 1 to the {channels} channels of the narrowest block")
    return SqueezeExcitation(channels, channels // reduction)
