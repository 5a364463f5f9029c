"""Rules for leaf modules: from the module's settings straight to an op. They are why a trace takes a millisecond.

A module without a rule runs its forward, and the functions that it calls are traced by `functions`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from torch import nn

from ..graph.ops import Activation, BatchNorm, Conv, Linear
from ..graph.ops.base import per_axis
from . import functions as F
from .standin import StandIn

if TYPE_CHECKING:
    from .tracer import Tracer

Rule = Callable[..., Any]


def parameter(module: nn.Module, name: str) -> Any:
    """A module's tensor of that name or None: a parameter, or what a reparametrisation left in its place."""
    found = module._parameters.get(name)
    return found if found is not None else getattr(module, name, None)


@lru_cache(maxsize=4096)
def conv_op(
    stride: tuple[int, ...],
    padding: tuple[int, ...] | str,
    dilation: tuple[int, ...],
    groups: int,
    kernel: tuple[int, ...],
) -> Conv:
    """The convolution with torch's settings; ``padding`` may be "same" or "valid"."""
    pairs: tuple[tuple[int, int], ...]
    if padding == "valid":
        pairs = ((0, 0),) * len(stride)
    elif isinstance(padding, str):  # "same": an odd total leaves the larger half behind
        totals = [d * (k - 1) for d, k in zip(dilation, kernel, strict=True)]
        pairs = tuple((total // 2, total - total // 2) for total in totals)
    else:
        pairs = tuple((p, p) for p in padding)
    return Conv(stride, pairs, dilation, groups)


def _conv(t: Tracer, m: Any, x: StandIn) -> Any:
    weight, bias = parameter(m, "weight"), parameter(m, "bias")
    if m.padding_mode != "zeros":
        x = F.pad(t, x, m._reversed_padding_repeated_twice, mode=m.padding_mode)
        padding: Any = (0,) * len(m.stride)
    else:
        padding = m.padding
    op = conv_op(m.stride, padding, m.dilation, m.groups, m.kernel_size)
    return t.emit(op, x, weight) if bias is None else t.emit(op, x, weight, bias)


def _conv_transpose(t: Tracer, m: Any, x: StandIn, output_size: Any = None) -> Any:
    rank = len(m.stride)
    extra = m.output_padding
    if output_size is not None:
        extra = m._output_padding(x, output_size, m.stride, m.padding, m.kernel_size, rank, m.dilation)
    return F.conv_transpose(
        t, x, parameter(m, "weight"), parameter(m, "bias"), m.stride, m.padding, extra, m.groups, m.dilation
    )


def _linear(t: Tracer, m: Any, x: StandIn) -> Any:
    weight, bias = parameter(m, "weight"), parameter(m, "bias")
    return t.emit(_LINEAR, x, weight) if bias is None else t.emit(_LINEAR, x, weight, bias)


_LINEAR = Linear()
_NORMS = {
    (training, present): BatchNorm(training, present) for training in (True, False) for present in ("wbmv", "mv", "wb", "")
}


def _batch_norm(t: Tracer, m: Any, x: StandIn) -> Any:
    parameters, buffers = m._parameters, m._buffers
    weight, mean = parameters.get("weight"), buffers.get("running_mean")
    batch_statistics = m.training or mean is None
    if m.training and m.track_running_stats and (tracked := buffers.get("num_batches_tracked")) is not None:
        F.add_(t, tracked, 1)
    if weight is not None and mean is not None:
        op = _NORMS[batch_statistics, "wbmv"]
        return t.emit(op, x, weight, parameters["bias"], mean, buffers["running_var"], strides=x.strides)
    given = [*([weight, parameters["bias"]] if weight is not None else []),
             *([mean, buffers["running_var"]] if mean is not None else [])]  # fmt: skip
    present = ("wb" if weight is not None else "") + ("mv" if mean is not None else "")
    return t.emit(_NORMS[batch_statistics, present], x, *given, strides=x.strides)


def activation_rule(function: str) -> Rule:
    """The rule for a module that applies one function."""
    ops = (Activation(function, False), Activation(function, True))

    def rule(t: Tracer, m: Any, x: StandIn) -> Any:
        if getattr(m, "inplace", False):
            return F.renamed(x, t.emit(ops[1], x, strides=x.strides))
        return t.emit(ops[0], x, strides=x.strides)

    return rule


def _identity(t: Tracer, m: Any, x: Any, *args: Any) -> Any:
    return x


def _dropout(channels: bool) -> Rule:
    def rule(t: Tracer, m: Any, x: StandIn) -> Any:
        return F.dropout(t, x, m.p, m.training, m.inplace, channels=channels)

    return rule


def _sequential(t: Tracer, m: Any, x: Any) -> Any:
    for child in m._modules.values():
        x = child(x)
    return x


RULES: dict[type, Rule] = {
    nn.Conv1d: _conv,
    nn.Conv2d: _conv,
    nn.Conv3d: _conv,
    nn.ConvTranspose1d: _conv_transpose,
    nn.ConvTranspose2d: _conv_transpose,
    nn.ConvTranspose3d: _conv_transpose,
    nn.Linear: _linear,
    nn.BatchNorm1d: _batch_norm,
    nn.BatchNorm2d: _batch_norm,
    nn.BatchNorm3d: _batch_norm,
    nn.Sequential: _sequential,
    nn.Identity: _identity,
    nn.Dropout: _dropout(channels=False),
    nn.AlphaDropout: _dropout(channels=False),
    nn.Dropout1d: _dropout(channels=True),
    nn.Dropout2d: _dropout(channels=True),
    nn.Dropout3d: _dropout(channels=True),
    nn.MaxPool1d: lambda t, m, x: F.max_pool(t, x, m.kernel_size, m.stride, m.padding, m.dilation, m.ceil_mode, m.return_indices, rank=1),
    nn.MaxPool2d: lambda t, m, x: F.max_pool(t, x, m.kernel_size, m.stride, m.padding, m.dilation, m.ceil_mode, m.return_indices, rank=2),
    nn.MaxPool3d: lambda t, m, x: F.max_pool(t, x, m.kernel_size, m.stride, m.padding, m.dilation, m.ceil_mode, m.return_indices, rank=3),
    nn.AvgPool1d: lambda t, m, x: F.avg_pool(t, x, m.kernel_size, m.stride, m.padding, m.ceil_mode, rank=1),
    nn.AvgPool2d: lambda t, m, x: F.avg_pool(t, x, m.kernel_size, m.stride, m.padding, m.ceil_mode, rank=2),
    nn.AvgPool3d: lambda t, m, x: F.avg_pool(t, x, m.kernel_size, m.stride, m.padding, m.ceil_mode, rank=3),
    nn.AdaptiveAvgPool1d: lambda t, m, x: F.adaptive_avg_pool(t, x, m.output_size, rank=1),
    nn.AdaptiveAvgPool2d: lambda t, m, x: F.adaptive_avg_pool(t, x, m.output_size, rank=2),
    nn.AdaptiveAvgPool3d: lambda t, m, x: F.adaptive_avg_pool(t, x, m.output_size, rank=3),
    nn.AdaptiveMaxPool1d: lambda t, m, x: F.adaptive_max_pool(t, x, m.output_size, m.return_indices, rank=1),
    nn.AdaptiveMaxPool2d: lambda t, m, x: F.adaptive_max_pool(t, x, m.output_size, m.return_indices, rank=2),
    nn.AdaptiveMaxPool3d: lambda t, m, x: F.adaptive_max_pool(t, x, m.output_size, m.return_indices, rank=3),
    nn.Flatten: lambda t, m, x: F.flatten(t, x, m.start_dim, m.end_dim),
    nn.LayerNorm: lambda t, m, x: F.layer_norm(t, x, m.normalized_shape, m.weight, m.bias),
    nn.RMSNorm: lambda t, m, x: F.rms_norm(t, x, m.normalized_shape, m.weight),
    nn.GroupNorm: lambda t, m, x: F.group_norm(t, x, m.num_groups, m.weight, m.bias),
    nn.LocalResponseNorm: lambda t, m, x: F.local_response_norm(t, x, m.size),
    nn.Softmax: lambda t, m, x: F.softmax(t, x, m.dim),
    nn.LogSoftmax: lambda t, m, x: F.log_softmax(t, x, m.dim),
    nn.PReLU: lambda t, m, x: F.prelu(t, x, m.weight),
    nn.GLU: lambda t, m, x: F.glu(t, x, m.dim),
    nn.PixelShuffle: lambda t, m, x: F.pixel_shuffle(t, x, m.upscale_factor),
    nn.PixelUnshuffle: lambda t, m, x: F.pixel_unshuffle(t, x, m.downscale_factor),
    nn.Embedding: lambda t, m, x: F.embedding(t, x, m.weight),
    **{
        module: activation_rule(function)
        for module, function in {
            nn.ReLU: "relu", nn.ReLU6: "relu6", nn.LeakyReLU: "leaky_relu", nn.ELU: "elu", nn.CELU: "celu",
            nn.SELU: "selu", nn.GELU: "gelu", nn.SiLU: "silu", nn.Mish: "mish", nn.Sigmoid: "sigmoid", nn.Tanh: "tanh",
            nn.Hardswish: "hardswish", nn.Hardsigmoid: "hardsigmoid", nn.Hardtanh: "hardtanh", nn.Softplus: "softplus",
            nn.Softsign: "softsign", nn.LogSigmoid: "logsigmoid", nn.Threshold: "threshold",
            nn.Softshrink: "softshrink", nn.Hardshrink: "hardshrink", nn.Tanhshrink: "tanhshrink",
        }.items()
    },
}  # fmt: skip


class ModuleRules(dict[type, Rule | None]):
    """Type of a module -> its rule or None, worked out at first sight.

    A subclass takes its parent's rule as long as it computes the same way, that is, overrides none of its methods that
    make the forward pass.
    """

    def __missing__(self, kind: type[nn.Module]) -> Rule | None:
        self[kind] = rule = RULES[kind] if kind in RULES else self._inherited(kind)
        return rule

    @staticmethod
    def _inherited(kind: type[nn.Module]) -> Rule | None:
        if issubclass(kind, nn.modules.lazy.LazyModuleMixin) or "parametrizations" in vars(kind):
            return None
        if kind.__name__.startswith("Parametrized"):
            return None
        for parent in kind.__mro__[1:]:
            if parent in RULES:
                same = all(
                    getattr(kind, name, None) is getattr(parent, name, None)
                    for name in ("forward", "_conv_forward", "_check_input_dim", "__call__")
                )
                return RULES[parent] if same else None
        return None
