"""Rules for leaf modules: from the module's settings straight to an op. They are why a trace takes a millisecond.

A module without a rule runs its forward, and the functions that it calls are traced by `functions`.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from torch import nn

from ...errors import ConvatlasError
from ...graph.ops import Activation, BatchNorm
from ..register import registered_for
from .functions import indexing, layout, matrix, norm_pool, pointwise, views
from .own import own_rule
from .proxy import Proxy

if TYPE_CHECKING:
    from ..network import Modules
    from .tracer import Tracer

Rule = Callable[..., Any]


def parameter(module: nn.Module, name: str) -> Any:
    """A module's tensor of that name or None: a parameter, or what a reparametrisation left in its place."""
    own = module.__dict__["_parameters"]
    return own[name] if name in own else getattr(module, name, None)


def weight_and_bias(module: nn.Module) -> tuple[Any, Any]:
    """A module's two tensors of these names, each of them or None."""
    own = module.__dict__["_parameters"]
    try:
        return own["weight"], own["bias"]
    except KeyError:
        return parameter(module, "weight"), parameter(module, "bias")


_CONV_SETTINGS = itemgetter("stride", "padding", "dilation", "groups", "kernel_size")


def _conv(t: Tracer, m: Any, x: Proxy) -> Any:
    own = m.__dict__
    settings = _CONV_SETTINGS(own)
    if own["padding_mode"] != "zeros":
        x = layout.pad(t, x, own["_reversed_padding_repeated_twice"], mode=own["padding_mode"])
        stride, _, *others = settings
        settings = (stride, (0,) * len(stride), *others)
    weight, bias = weight_and_bias(m)
    return matrix.convolve(t, settings, x, weight, bias)


def _conv_transpose(t: Tracer, m: Any, x: Proxy, output_size: Any = None) -> Any:
    extra = m.output_padding
    if output_size is not None:
        extra = m._output_padding(x, output_size, m.stride, m.padding, m.kernel_size, len(m.stride), m.dilation)
    weight, bias = weight_and_bias(m)
    return matrix.conv_transpose(t, x, weight, bias, m.stride, m.padding, extra, m.groups, m.dilation)


def _linear(t: Tracer, m: Any, x: Proxy) -> Any:
    return matrix.linear(t, x, *weight_and_bias(m))


_COUNT = Activation("add", True)  # of batches, in place
_NORMS = {training: BatchNorm(training, "wbmv") for training in (True, False)}


def _batch_norm(axes: tuple[int, ...]) -> Rule:
    def rule(t: Tracer, m: Any, x: Proxy) -> Any:
        spec = x.spec
        if len(spec.shape) not in axes:
            raise ConvatlasError(f"{type(m).__name__} takes {' or '.join(map(str, axes))} axes, got {spec.shape}")
        own = m.__dict__
        training = own["training"]
        if training and m.track_running_stats and (tracked := own["_buffers"].get("num_batches_tracked")) is not None:
            t.emit(_COUNT, tracked)
        held, buffers, numbers, values = own["_parameters"], own["_buffers"], t.numbers, t.values
        try:  # the usual one, with all of its own tensors
            weight, bias = numbers[id(held["weight"])], numbers[id(held["bias"])]
            mean, variance = numbers[id(buffers["running_mean"])], numbers[id(buffers["running_var"])]
        except KeyError:
            statistics = buffers.get("running_mean"), buffers.get("running_var")
            return norm_pool.batch_norm(t, x, *statistics, *weight_and_bias(m), training or statistics[0] is None)
        op = _NORMS[training]
        result = op.output(spec, values[weight], values[bias], values[mean], values[variance])
        inputs = (x.value, weight, bias, mean, variance)
        return t.add(op, inputs, result)

    return rule


def activation_rule(function: str) -> Rule:
    """The rule for a module that applies one function."""
    plain, overwriting = Activation(function, False), Activation(function, True)

    def rule(t: Tracer, m: Any, x: Proxy) -> Any:
        if m.__dict__.get("inplace", False):
            return t.overwrite(overwriting, x)
        return t.add(plain, (x.value,), plain.output(x.spec))

    return rule


def _identity(t: Tracer, m: Any, x: Any) -> Any:
    return x


def _dropout(channels: bool) -> Rule:
    def rule(t: Tracer, m: Any, x: Proxy) -> Any:
        return pointwise.dropout(t, x, m.p, m.training, m.inplace, channels=channels)

    return rule


def _sequential(t: Tracer, m: Any, x: Any) -> Any:
    for child in m.__dict__["_modules"].values():
        x = child(x)
    return x


def _wrapper(t: Tracer, m: Any, *args: Any, **kwargs: Any) -> Any:
    return m.module(*args, **kwargs)


def _max_pool(rank: int) -> Rule:
    return lambda t, m, x: norm_pool.max_pool(
        t, x, m.kernel_size, m.stride, m.padding, m.dilation, m.ceil_mode, m.return_indices, rank=rank
    )


def _avg_pool(rank: int) -> Rule:
    return lambda t, m, x: norm_pool.avg_pool(t, x, m.kernel_size, m.stride, m.padding, m.ceil_mode, rank=rank)


def _adaptive_avg_pool(rank: int) -> Rule:
    return lambda t, m, x: norm_pool.adaptive_avg_pool(t, x, m.output_size, rank=rank)


def _adaptive_max_pool(rank: int) -> Rule:
    return lambda t, m, x: norm_pool.adaptive_max_pool(t, x, m.output_size, m.return_indices, rank=rank)


RULES: dict[type, Rule] = {
    nn.Conv1d: _conv, nn.Conv2d: _conv, nn.Conv3d: _conv,
    nn.ConvTranspose1d: _conv_transpose, nn.ConvTranspose2d: _conv_transpose, nn.ConvTranspose3d: _conv_transpose,
    nn.Linear: _linear,
    nn.BatchNorm1d: _batch_norm((2, 3)), nn.BatchNorm2d: _batch_norm((4,)), nn.BatchNorm3d: _batch_norm((5,)),
    nn.Sequential: _sequential,
    nn.Identity: _identity,
    nn.Dropout: _dropout(channels=False), nn.AlphaDropout: _dropout(channels=False),
    nn.Dropout1d: _dropout(channels=True), nn.Dropout2d: _dropout(channels=True), nn.Dropout3d: _dropout(channels=True),
    nn.MaxPool1d: _max_pool(1), nn.MaxPool2d: _max_pool(2), nn.MaxPool3d: _max_pool(3),
    nn.AvgPool1d: _avg_pool(1), nn.AvgPool2d: _avg_pool(2), nn.AvgPool3d: _avg_pool(3),
    nn.AdaptiveAvgPool1d: _adaptive_avg_pool(1), nn.AdaptiveAvgPool2d: _adaptive_avg_pool(2),
    nn.AdaptiveAvgPool3d: _adaptive_avg_pool(3),
    nn.AdaptiveMaxPool1d: _adaptive_max_pool(1), nn.AdaptiveMaxPool2d: _adaptive_max_pool(2),
    nn.AdaptiveMaxPool3d: _adaptive_max_pool(3),
    nn.Flatten: lambda t, m, x: views.flatten(t, x, m.start_dim, m.end_dim),
    nn.LayerNorm: lambda t, m, x: norm_pool.layer_norm(t, x, m.normalized_shape, *weight_and_bias(m)),
    nn.RMSNorm: lambda t, m, x: norm_pool.rms_norm(t, x, m.normalized_shape, parameter(m, "weight")),
    nn.GroupNorm: lambda t, m, x: norm_pool.group_norm(t, x, m.num_groups, *weight_and_bias(m)),
    nn.LocalResponseNorm: lambda t, m, x: norm_pool.local_response_norm(t, x, m.size),
    nn.Softmax: lambda t, m, x: pointwise.softmax(t, x, m.dim),
    nn.LogSoftmax: lambda t, m, x: pointwise.log_softmax(t, x, m.dim),
    nn.PReLU: lambda t, m, x: pointwise.prelu(t, x, parameter(m, "weight")),
    nn.GLU: lambda t, m, x: pointwise.glu(t, x, m.dim),
    nn.PixelShuffle: lambda t, m, x: layout.pixel_shuffle(t, x, m.upscale_factor),
    nn.PixelUnshuffle: lambda t, m, x: layout.pixel_unshuffle(t, x, m.downscale_factor),
    nn.Embedding: lambda t, m, x: indexing.embedding(t, x, parameter(m, "weight"), max_norm=m.max_norm, sparse=m.sparse),
    nn.DataParallel: _wrapper, nn.parallel.DistributedDataParallel: _wrapper,
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
_MAKE_THE_FORWARD = ("forward", "_conv_forward", "_check_input_dim", "__call__", "__getattr__", "__iter__")


def rules_of(modules: Modules) -> list[Rule | None]:
    """The rule of each module, or None where its own forward is to be run."""
    return list(map(_RulesOfTypes().__getitem__, modules.kinds))


class _RulesOfTypes(dict[type, Rule | None]):
    """Type of a module -> its rule or None, worked out at first sight.

    A subclass takes its parent's rule as long as it computes the same way, that is, overrides none of its methods that
    make the forward pass.
    """

    def __missing__(self, kind: type[nn.Module]) -> Rule | None:
        self[kind] = rule = self._own(kind) or self._inherited(kind)
        return rule

    @staticmethod
    def _own(kind: type) -> Rule | None:
        registered = registered_for(kind)
        return RULES.get(kind) if registered is None else own_rule(registered)

    def _inherited(self, kind: type[nn.Module]) -> Rule | None:
        if issubclass(kind, nn.modules.lazy.LazyModuleMixin):
            return None
        for parent in kind.__mro__[1:]:
            if (rule := self._own(parent)) is not None:
                same = all(getattr(kind, name, None) is getattr(parent, name, None) for name in _MAKE_THE_FORWARD)
                return rule if same else None
        return None
