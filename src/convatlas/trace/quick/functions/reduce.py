"""Rules for reductions, selections, running sums and losses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from ....graph.ops import Activation, Binary, Cumulative, Loss, Reduce, Select
from ...network import DTYPES
from ..proxy import Proxy
from .registry import axes_of, axis_of, op_of, register, rule_for
from .views import expand

if TYPE_CHECKING:
    from ..tracer import Tracer


def _reduce(t: Tracer, function: str, x: Any, dim: Any, keepdim: bool, dtype: str | None = None) -> Proxy:
    return t.emit(op_of(Reduce, function, axes_of(dim, len(t.shape(x))), bool(keepdim), dtype), x)


def _reduction(function: str, *names: str) -> None:
    def rule(t: Tracer, x: Any, dim: Any = None, keepdim: bool = False, *, dtype: Any = None, **kwargs: Any) -> Any:
        if isinstance(dim, torch.dtype):
            dtype, dim = dim, None
        result = DTYPES[dtype] if dtype else None
        if function in ("all", "any"):
            result = "uint8" if t.graph.values[t.number(x)].dtype == "uint8" else "bool"
        elif function in ("argmax", "argmin") or (
            result is None and function in ("sum", "prod") and not t.graph.values[t.number(x)].is_floating
        ):
            result = "int64"
        return _reduce(t, function, x, kwargs.get("axis", dim), kwargs.get("keepdims", keepdim), result)

    register(rule, *(names or (function,)))


for _function in ("mean", "sum", "prod", "amax", "amin", "logsumexp", "all", "any", "argmax", "argmin"):
    _reduction(_function)
_reduction("mean", "nanmean")
_reduction("sum", "nansum")


def _spread(function: str) -> None:
    def rule(t: Tracer, x: Any, dim: Any = None, *args: Any, keepdim: bool = False, **kwargs: Any) -> Any:
        # var(unbiased), var(dim, unbiased, keepdim) and var(dim, correction=, keepdim=)
        keep = keepdim or (len(args) > 1 and args[1] is True)
        return _reduce(t, function, x, None if isinstance(dim, bool) else kwargs.get("axis", dim), keep)

    def with_mean(t: Tracer, x: Any, dim: Any = None, *args: Any, keepdim: bool = False, **kwargs: Any) -> Any:
        return rule(t, x, dim, *args, keepdim=keepdim), _reduce(
            t, "mean", x, None if isinstance(dim, bool) else dim, keepdim or (len(args) > 1 and args[1] is True)
        )

    register(rule, function)
    register(with_mean, f"{function}_mean")


_spread("var")
_spread("std")


@rule_for("norm", "frobenius_norm")
def _norm(t: Tracer, x: Any, p: Any = 2, dim: Any = None, keepdim: bool = False, **kwargs: Any) -> Any:
    if isinstance(p, str) and p != "fro":
        raise t.unsure(f"the norm {p}")
    return _reduce(t, "norm", x, dim, keepdim)


@rule_for("normalize")
def _normalize(t: Tracer, x: Any, p: float = 2.0, dim: int = 1, eps: float = 1e-12, **kwargs: Any) -> Any:
    length = t.emit(Activation("clamp"), _reduce(t, "norm", x, dim, True))
    return t.emit(Binary("div"), x, expand(t, length, t.shape(x)))


def _extreme(function: str) -> None:
    def rule(t: Tracer, x: Any, dim: Any = None, keepdim: bool = False, *, other: Any = None, **kwargs: Any) -> Any:
        if other is not None or isinstance(dim, torch.Tensor):
            return t.emit(Binary(f"{function}imum"), x, dim if other is None else other)
        if dim is None:
            return _reduce(t, f"a{function}", x, None, False)
        return _selected(t, function, x, dim, None, keepdim)

    register(rule, function)


def _selected(t: Tracer, function: str, x: Any, dim: int, count: int | None, keepdim: bool = False) -> Any:
    op = Select(function, axis_of(dim, len(t.shape(x))), count, keepdim)
    result: Any = getattr(torch.return_types, function)
    return result(t.emit_many(op, x))


_extreme("max")
_extreme("min")


@rule_for("sort")
def _sort(t: Tracer, x: Any, dim: int = -1, *args: Any, **kwargs: Any) -> Any:
    shape = t.shape(x)
    return _selected(t, "sort", x, dim, shape[axis_of(dim, len(shape))] if shape else None)


@rule_for("argsort")
def _argsort(t: Tracer, x: Any, dim: int = -1, *args: Any, **kwargs: Any) -> Any:
    return _sort(t, x, dim)[1]


def _running(function: str) -> None:
    def rule(t: Tracer, x: Any, dim: int, *, dtype: Any = None, **kwargs: Any) -> Any:
        return t.emit(Cumulative(function, axis_of(dim, len(t.shape(x))), DTYPES[dtype] if dtype else None), x)

    register(rule, function)


_running("cumsum")
_running("cumprod")


def _loss(function: str) -> None:
    def rule(t: Tracer, input: Any, target: Any, weight: Any = None, *args: Any, reduction: str = "mean", **kwargs: Any) -> Any:
        if kwargs.get("label_smoothing") or any(isinstance(value, torch.Tensor) for value in kwargs.values()):
            raise t.unsure(f"{function} with more than classes and weights")
        given = [weight] if isinstance(weight, torch.Tensor) else []
        return t.emit(Loss(function, reduction), input, target, *given)

    register(rule, function)


for _function in ("cross_entropy", "nll_loss", "mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "kl_div",
                  "binary_cross_entropy", "binary_cross_entropy_with_logits", "soft_margin_loss", "multilabel_margin_loss",
                  "multilabel_soft_margin_loss", "multi_margin_loss", "poisson_nll_loss"):  # fmt: skip
    _loss(_function)
