"""The inverted residual: Sandler et al., "MobileNetV2" (2018, arXiv:1801.04381), Fig. 3b, and what was put in later."""

from __future__ import annotations

from typing import Unpack

from torch import Tensor, nn

from .conv import ConvNormAct, ConvOptions, unrolled
from .stochastic_depth import StochasticDepth


class InvertedResidual(nn.Module):
    """x + f(x) where shapes agree, else f(x); f is 1x1 to ``expanded`` channels, depthwise, and 1x1 without activation.

    ``attention`` stands before the last convolution. ``fused`` makes the first two convolutions one, and all three where
    there is nothing to expand. A subclass says under which name f is kept, and how many of its layers stay whole: the
    published networks that share this block differ in the names of its parameters only.
    """

    name_of_f: str = "block"
    whole: int | None = None  # the first so many layers of f, the others are unrolled; None: all of them

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        expanded: int,
        kernel: int = 3,
        stride: int = 1,
        attention: nn.Module | None = None,
        stochastic_depth: float = 0.0,
        fused: bool = False,
        **options: Unpack[ConvOptions],
    ) -> None:
        super().__init__()
        linear: ConvOptions = {**options, "activation": None}
        f: list[nn.Module] = []
        if fused and expanded == in_channels:
            f.append(ConvNormAct(in_channels, out_channels, kernel, stride=stride, **options))
        else:
            if expanded != in_channels and not fused:
                f.append(ConvNormAct(in_channels, expanded, 1, **options))
            read, groups = (in_channels, 1) if fused else (expanded, expanded)
            f.append(ConvNormAct(read, expanded, kernel, stride=stride, groups=groups, **options))
            if attention is not None:
                f.append(attention)
            f.append(ConvNormAct(expanded, out_channels, 1, **linear))
        if self.whole is not None:
            f = f[: self.whole] + unrolled(*f[self.whole :])
        self.add_module(self.name_of_f, nn.Sequential(*f))
        self.residual = stride == 1 and in_channels == out_channels
        self.stochastic_depth = StochasticDepth(stochastic_depth) if stochastic_depth else None

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = getattr(self, self.name_of_f)(x)
        if not self.residual:
            return y
        return x + (y if self.stochastic_depth is None else self.stochastic_depth(y))
