"""Rules for element-wise functions: activations, arithmetic with broadcasting, dropout, softmax."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import torch

from ....errors import ConvatlasError
from ....graph.ops import Activation, Binary, Cast, Dropout, Glu, Prelu, Softmax, Where
from ....graph.ops.pointwise import FUNCTIONS
from ....graph.spec import kind_of
from ...network import DTYPES
from ..proxy import Proxy
from .registry import Rule, axis_of, is_number, register, rule_for

if TYPE_CHECKING:
    from ..tracer import Tracer

_POSITIONAL_IN_PLACE = {  # where a function takes its `inplace`: position among the arguments after the input
    "relu": 0, "relu6": 0, "silu": 0, "hardswish": 0, "hardsigmoid": 0, "selu": 0, "mish": 0,
    "leaky_relu": 1, "elu": 1, "celu": 1, "threshold": 2, "hardtanh": 2, "rrelu": 3,
}  # fmt: skip
_SYNONYMS = {
    "clamp": ("clip", "clamp_min", "clamp_max"),
    "abs": ("absolute", "__abs__"),
    "neg": ("negative", "__neg__"),
    "bitwise_not": ("__invert__",),
    "sigmoid": ("expit",),
    "logsigmoid": ("log_sigmoid",),
    "logical_not": ("logical_not",),
}
_ARITHMETIC = ("add", "sub", "mul", "div", "pow", "remainder", "rsub")
_FRACTIONAL = frozenset({
    "sigmoid", "tanh", "exp", "exp2", "expm1", "sqrt", "rsqrt", "reciprocal", "log", "log1p", "log2", "log10", "sin", "cos",
    "tan", "asin", "acos", "atan", "sinh", "cosh", "erf", "erfc", "logit", "sinc",
})  # fmt: skip # of whole numbers they give float32


def _at_least(t: Tracer, x: Any, number: Any) -> Any:
    """A tensor of the kind of a Python number that it meets: whole numbers become fractional where the number is."""
    if isinstance(number, bool):
        return x
    wanted = "complex64" if isinstance(number, complex) else "float32" if isinstance(number, float) else "int64"
    if kind_of(t.graph.values[t.number(x)].dtype) >= kind_of(wanted):
        return x
    return t.emit(Cast(wanted), x)


def _unary(function: str) -> None:
    plain, overwriting = Activation(function, False), Activation(function, True)
    position = _POSITIONAL_IN_PLACE.get(function)
    fractional = function in _FRACTIONAL

    def rule(t: Tracer, x: Any, *args: Any, inplace: bool = False, **kwargs: Any) -> Any:
        if inplace or (position is not None and len(args) > position and args[position] is True):
            return rule_(t, x)
        if any(isinstance(value, torch.Tensor) for value in (*args, *kwargs.values())):
            raise t.unsure(f"{function} with further tensors")
        if fractional:
            x = _at_least(t, x, 0.0)
        return t.emit(plain, x)

    def rule_(t: Tracer, x: Any, *args: Any, **kwargs: Any) -> Any:
        return t.overwrite(overwriting, x)

    names = (function, *_SYNONYMS.get(function, ()))
    register(rule, *names)
    register(rule_, *(f"{name}_" for name in names))


for _function in (*FUNCTIONS, "isnan", "isinf", "isfinite", "logical_not"):
    if _function not in _ARITHMETIC:
        _unary(_function)


def _binary(function: str, *names: str, swapped: bool = False) -> tuple[Rule, Rule]:
    with_number, with_number_ = Activation(function, False), Activation(function, True)
    with_tensor, with_tensor_ = Binary(function, False), Binary(function, True)

    def apply(t: Tracer, x: Any, other: Any) -> Any:
        if swapped:
            x, other = other, x
        if type(other) is Proxy and type(x) is Proxy:
            return t.add(with_tensor, (x.value, other.value), with_tensor.output(x.spec, other.spec))
        if is_number(other) or is_number(x):
            tensor, number = (x, other) if is_number(other) else (other, x)
            tensor = _at_least(t, tensor, 0.0 if function == "div" and not isinstance(number, complex) else number)
            return t.emit(with_number, tensor)
        return t.emit(with_tensor, x, other)

    def rule(t: Tracer, x: Any, other: Any = None, **kwargs: Any) -> Any:
        if other is None:
            if function in ("eq", "ne"):
                return function == "ne"
            raise TypeError(f"{function} of a tensor and None")
        return apply(t, x, other)

    def rule_(t: Tracer, x: Any, other: Any, **kwargs: Any) -> Any:
        return t.overwrite(with_number_, x) if is_number(other) else t.overwrite(with_tensor_, x, other)

    register(rule, *(name for name in names if not name.startswith("__i")))
    register(rule_, *(f"{name}_" for name in names), *(name for name in names if name.startswith("__i")))
    return rule, rule_


add, add_ = _binary("add", "add", "__add__", "__radd__", "__iadd__")
sub, _ = _binary("sub", "sub", "subtract", "__sub__", "__isub__")
_binary("sub", "rsub", "__rsub__", swapped=True)
mul, _ = _binary("mul", "mul", "multiply", "__mul__", "__rmul__", "__imul__")
_divide, _divide_ = _binary("div", "true_divide", "__div__", "__truediv__", "__itruediv__", "__idiv__")
_binary("div", "__rtruediv__", "__rdiv__", swapped=True)
_binary("pow", "pow", "__pow__", "float_power", "__ipow__")
_binary("pow", "__rpow__", swapped=True)
_floor_divide, _floor_divide_ = _binary("remainder", "floor_divide", "__floordiv__", "__ifloordiv__")
_binary("remainder", "remainder", "fmod", "__mod__", "__imod__")
_binary("maximum", "maximum", "fmax")
_binary("minimum", "minimum", "fmin")
_binary("atan2", "atan2", "arctan2")


@rule_for("div", "divide")
def div(t: Tracer, x: Any, other: Any, *, rounding_mode: str | None = None) -> Any:
    """Division, or its whole part."""
    return (_divide if rounding_mode is None else _floor_divide)(t, x, other)


@rule_for("div_", "divide_")
def _div_(t: Tracer, x: Any, other: Any, *, rounding_mode: str | None = None) -> Any:
    return (_divide_ if rounding_mode is None else _floor_divide_)(t, x, other)


for _name, _names in {
    "eq": ("eq", "__eq__"), "ne": ("ne", "not_equal", "__ne__"), "lt": ("lt", "less", "__lt__"),
    "le": ("le", "less_equal", "__le__"), "gt": ("gt", "greater", "__gt__"), "ge": ("ge", "greater_equal", "__ge__"),
    "logical_and": ("logical_and",), "logical_or": ("logical_or",), "logical_xor": ("logical_xor",),
    "bitwise_and": ("bitwise_and", "__and__", "__iand__"), "bitwise_or": ("bitwise_or", "__or__", "__ior__"),
    "bitwise_xor": ("bitwise_xor", "__xor__", "__ixor__"),
}.items():  # fmt: skip
    _binary(_name, *_names)


@rule_for("addcmul")
def _addcmul(t: Tracer, x: Any, first: Any, second: Any, **kwargs: Any) -> Any:
    return add(t, x, mul(t, first, second))


@rule_for("addcdiv")
def _addcdiv(t: Tracer, x: Any, first: Any, second: Any, **kwargs: Any) -> Any:
    return add(t, x, div(t, first, second))


@rule_for("lerp")
def _lerp(t: Tracer, x: Any, end: Any, weight: Any) -> Any:
    return add(t, x, mul(t, sub(t, end, x), weight))


@rule_for("where")
def _where(t: Tracer, condition: Any, x: Any = None, other: Any = None) -> Any:
    if x is None or other is None:
        raise t.asks_for_values("torch.where(condition): where it is true")
    given = [value for value in (x, other) if not is_number(value)]
    if not given:
        kinds = {type(value) for value in (x, other)}
        dtype = "float32" if float in kinds else "int64" if int in kinds else "bool"
        return t.emit(Where(dtype), condition)
    number = next((value for value in (x, other) if is_number(value)), False)
    return t.emit(Where(), condition, *(_at_least(t, value, number) for value in given))


@rule_for("masked_fill")
def _masked_fill(t: Tracer, x: Any, mask: Any, value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        raise t.unsure("masked_fill with a tensor")
    return t.emit(Where(), mask, x)


@rule_for("prelu")
def prelu(t: Tracer, x: Any, weight: Any) -> Any:
    """PReLU."""
    return t.emit(Prelu(), x, weight)


@rule_for("glu")
def glu(t: Tracer, x: Any, dim: int = -1) -> Any:
    """Gated linear unit."""
    return t.emit(Glu(axis_of(dim, len(t.shape(x)))), x)


def _softmax(log: bool) -> Rule:
    def rule(t: Tracer, x: Any, dim: int | None = None, *args: Any, dtype: Any = None, **kwargs: Any) -> Any:
        x = t.proxy(x)
        rank = len(x.spec.shape)
        if dim is None:  # torch's own guess, which it warns of
            dim = 0 if rank in (0, 1, 3) else 1
        # the method takes its dtype second, the function third
        dtype = dtype or next((value for value in args if value in DTYPES), None)
        return t.emit(Softmax(axis_of(dim, rank), log, DTYPES[dtype] if dtype else None), x)

    return rule


softmax, log_softmax = _softmax(log=False), _softmax(log=True)
register(softmax, "softmax")
register(log_softmax, "log_softmax")


def dropout(t: Tracer, x: Any, p: float = 0.5, training: bool = True, inplace: bool = False, *, channels: bool = False) -> Any:
    """Dropout; outside training the tensor itself."""
    if not 0.0 <= p <= 1.0:
        raise ConvatlasError(f"a dropout probability lies between 0 and 1, got {p}")
    if not training or p == 0.0:
        return x
    op = Dropout(p, True, channels, inplace)
    if inplace:
        return t.overwrite(op, x)
    return t.emit(op, x)


register(dropout, "dropout", "alpha_dropout")
register(partial(dropout, channels=True), "feature_alpha_dropout", "dropout1d", "dropout2d", "dropout3d")
register(partial(dropout, inplace=True), "dropout_", "alpha_dropout_")
