"""Arithmetic, reductions, products and normalisation have torch's shapes, dtypes and refusals."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

Check = Callable[..., Any]
quick = settings(max_examples=100, deadline=None, derandomize=True)
sizes = st.lists(st.sampled_from([1, 2, 3]), min_size=0, max_size=4).map(tuple)
DTYPES = [torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.float16, torch.bfloat16,
          torch.float32, torch.float64, torch.complex64]  # fmt: skip
BINARY = {
    "add": operator.add, "sub": operator.sub, "mul": operator.mul, "div": operator.truediv, "floor": operator.floordiv,
    "mod": operator.mod, "pow": operator.pow, "lt": operator.lt, "eq": operator.eq, "and": operator.and_,
    "maximum": torch.maximum, "minimum": torch.minimum, "atan2": torch.atan2, "logical or": torch.logical_or,
    "floor division": lambda a, b: torch.div(a, b, rounding_mode="floor"), "where": lambda a, b: torch.where(a > b, a, b),
    "lerp": lambda a, b: torch.lerp(a, b, 0.5), "addcmul": lambda a, b: torch.addcmul(a, a, b), "in place": lambda a, b: a.add_(b),
    "in-place division": lambda a, b: a.div_(b),
}  # fmt: skip


@settings(max_examples=400, deadline=None, derandomize=True)
@given(st.sampled_from(sorted(BINARY)), sizes, sizes, st.sampled_from(DTYPES), st.sampled_from(DTYPES))
def test_two_tensors(
    same_as_torch: Check, name: str, first: tuple[int, ...], second: tuple[int, ...], a: torch.dtype, b: torch.dtype
) -> None:
    real = torch.complex64 not in (a, b) or name in ("add", "sub", "mul", "div", "eq")
    whole = name in ("floor", "mod", "floor division", "and", "in place", "in-place division", "addcmul", "lerp", "pow")
    if not real or (whole and (a != b or not a.is_floating_point)):
        a, b = torch.float32, torch.float32  # which dtypes a kernel refuses is not what is looked at here
    if torch.complex64 in (a, b) and {a, b} & {torch.float16, torch.bfloat16}:
        return  # complex numbers of half width
    if name == "and":
        a, b = torch.bool, torch.bool
    same_as_torch(BINARY[name], (first, a), (second, b))


@quick
@given(
    st.sampled_from(["add", "sub", "mul", "div", "pow", "lt", "eq"]), sizes, st.sampled_from(DTYPES),
    st.sampled_from([2, 2.5, 1j]), st.booleans(),
)  # fmt: skip
def test_a_tensor_and_a_number(
    same_as_torch: Check, name: str, shape: tuple[int, ...], dtype: torch.dtype, number: Any, swapped: bool
) -> None:
    if dtype == torch.bool and name == "sub":
        return  # torch subtracts no booleans
    if name in ("lt", "pow") and (dtype.is_complex or isinstance(number, complex)):
        return
    if isinstance(number, complex) and dtype in (torch.float16, torch.bfloat16, torch.float64):
        return  # complex numbers of half or double width
    function = BINARY[name]
    same_as_torch((lambda x: function(number, x)) if swapped else (lambda x: function(x, number)), (shape, dtype))


UNARY = ["relu", "sigmoid", "tanh", "exp", "sqrt", "rsqrt", "log", "abs", "neg", "floor", "round", "sin", "cos", "erf", "square",
         "reciprocal", "isnan", "logical_not", "sign", "log1p", "expm1", "trunc", "tan", "log2", "exp2", "atan"]  # fmt: skip


@pytest.mark.parametrize("name", UNARY)
@pytest.mark.parametrize("dtype", [torch.float32, torch.int64, torch.float16], ids=str)
def test_functions_of_one_tensor(same_as_torch: Check, name: str, dtype: torch.dtype) -> None:
    same_as_torch(getattr(torch, name), ((2, 3), dtype))
    same_as_torch(
        lambda x: getattr(x.clone(), f"{name}_")() if hasattr(x, f"{name}_") and dtype.is_floating_point else x, ((2, 3), dtype)
    )


ACTIVATIONS = ["relu", "relu6", "leaky_relu", "elu", "selu", "celu", "gelu", "silu", "mish", "hardswish", "hardsigmoid", "hardtanh",
               "softplus", "softsign", "logsigmoid", "softshrink", "hardshrink", "tanhshrink", "sigmoid", "tanh"]  # fmt: skip


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_keep_the_memory_layout(same_as_torch: Check, name: str) -> None:
    same_as_torch(
        lambda x: getattr(F, name)(x.permute(0, 2, 3, 1)), (2, 3, 4, 5), strides=name not in ("mish", "hardswish", "logsigmoid")
    )


REDUCTIONS = ["sum", "mean", "prod", "amax", "amin", "argmax", "argmin", "all", "any", "logsumexp", "var", "std", "max", "min", "median",
              "norm", "cumsum", "cumprod", "sort", "argsort", "nansum"]  # fmt: skip


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    st.sampled_from(REDUCTIONS), st.lists(st.sampled_from([1, 2, 3]), min_size=1, max_size=4).map(tuple),
    st.integers(-4, 3), st.booleans(), st.booleans(),
)  # fmt: skip
def test_reductions(same_as_torch: Check, name: str, shape: tuple[int, ...], axis: int, keepdim: bool, several: bool) -> None:
    function = getattr(torch, name)
    one_axis = name in ("prod", "argmax", "argmin", "max", "min", "median", "cumsum", "cumprod", "sort", "argsort")
    dim = (axis, 0) if several and not one_axis else axis
    options = {} if name.startswith(("cum", "sort", "argsort")) else {"keepdim": keepdim}
    with_warning = name in ("var", "std") and 1 in shape
    if not with_warning:
        same_as_torch(lambda x: function(x, dim=dim, **options) if name != "norm" else x.norm(dim=dim, keepdim=keepdim), shape)
    if not name.startswith(("cum", "argsort", "logsumexp", "amax", "amin")) and not with_warning:
        same_as_torch(lambda x: function(x), shape)


@pytest.mark.parametrize("dtype", [torch.int64, torch.bool, torch.float16, torch.uint8], ids=str)
def test_dtypes_of_reductions(same_as_torch: Check, dtype: torch.dtype) -> None:
    given_ = ((2, 3), dtype)
    same_as_torch(lambda x: [x.sum(), x.sum(1), x.prod(1), x.any(), x.all(1), x.cumsum(0)], given_)
    same_as_torch(lambda x: [x.sum(dtype=torch.float32), x.mean(dtype=torch.float64), x.cumsum(0, dtype=torch.float32)], given_)
    same_as_torch(lambda x: x.max(1), given_)
    if dtype.is_floating_point:
        same_as_torch(
            lambda x: [x.mean(), x.softmax(1), x.softmax(1, dtype=torch.float32), F.log_softmax(x, 1, dtype=torch.float32)], given_
        )


EINSUMS = {
    "bij,bjk->bik": [(2, 3, 4), (2, 4, 5)], "ij,jk": [(3, 4), (4, 5)], "ij->ji": [(3, 4)], "ii->i": [(3, 3)], "ii": [(3, 3)],
    "...ij,...jk->...ik": [(2, 6, 3, 4), (6, 4, 5)], "i,j->ij": [(3,), (4,)], "bhqd, bhkd -> bhqk": [(2, 3, 4, 5), (2, 3, 6, 5)],
    "ni,oij,nj->no": [(2, 3), (5, 3, 4), (2, 4)], "b...c->bc...": [(2, 3, 4, 5)], "ij,ij->": [(2, 3), (2, 3)],
    "...,...->...": [(2, 3), (1, 3)], "ab,bc,cd": [(2, 3), (3, 4), (4, 5)], "nchw,cd->ndhw": [(2, 3, 4, 5), (3, 6)],
    "ij,jk->ik": [(3, 4), (5, 6)], "ba": [(3, 4)],
}  # fmt: skip


@pytest.mark.parametrize("equation", EINSUMS)
def test_einsum(same_as_torch: Check, equation: str) -> None:
    same_as_torch(lambda *t: torch.einsum(equation, *t), *EINSUMS[equation], strides=False)
    same_as_torch(lambda *t: torch.einsum(equation, t), *EINSUMS[equation], strides=False)


def test_einsum_by_lists_of_axes(same_as_torch: Check) -> None:
    same_as_torch(lambda x, y: torch.einsum(x, [0, 1], y, [1, 2], [2, 0]), (2, 3), (3, 4), strides=False)
    same_as_torch(lambda x, y: torch.einsum(x, [0, 1], y, [1, 2]), (2, 3), (3, 4), strides=False)


@quick
@given(sizes, sizes, st.integers(1, 3), st.integers(1, 3))
def test_matmul(same_as_torch: Check, first: tuple[int, ...], second: tuple[int, ...], inner: int, other: int) -> None:
    same_as_torch(torch.matmul, (*first, inner), (*second, other, 4))
    same_as_torch(torch.matmul, first, second)


@pytest.mark.parametrize("function", [
    lambda a, b: torch.mm(a, b), lambda a, b: torch.bmm(a[None], b[None]), lambda a, b: a[0].mv(b[:, 0]) if False else torch.mv(a, b[:, 0]),
    lambda a, b: torch.dot(a[0], b[:, 0]), lambda a, b: torch.addmm(torch.zeros(4), a, b), lambda a, b: a.addmm(a, b) if False else a @ b,
    lambda a, b: torch.baddbmm(torch.zeros(1, 2, 4), a[None], b[None]), lambda a, b: torch.mm(a[None], b), lambda a, b: torch.bmm(a, b),
    lambda a, b: F.linear(a, b.T), lambda a, b: F.linear(a, b), lambda a, b: F.linear(a, b.T, torch.zeros(4)), lambda a, b: torch.mv(a, b),
    lambda a, b: F.scaled_dot_product_attention(a[None, None], a[None, None], a[None, None]),
    lambda a, b: F.normalize(a), lambda a, b: F.normalize(b, dim=0), lambda a, b: torch.matmul(input=a, other=b),
])  # fmt: skip
def test_products(same_as_torch: Check, function: Callable[[Tensor, Tensor], Any]) -> None:
    same_as_torch(function, (2, 3), (3, 4), strides=False)


@quick
@given(st.lists(st.integers(1, 4), min_size=1, max_size=5).map(tuple), st.integers(1, 3), st.integers(1, 4))
def test_normalisation(same_as_torch: Check, shape: tuple[int, ...], axes: int, groups: int) -> None:
    tail = shape[-axes:]
    same_as_torch(lambda x: F.layer_norm(x, tail), shape)
    same_as_torch(lambda x: F.rms_norm(x, tail), shape)
    same_as_torch(lambda x: F.layer_norm(x, (*tail[:-1], tail[-1] + 1)), shape)
    same_as_torch(lambda x: F.group_norm(x, groups), (2, *shape[1:], 2))
    same_as_torch(lambda x: F.local_response_norm(x, 3), shape)
    channels = shape[1] if len(shape) > 1 else 1
    same_as_torch(lambda x, m, v: F.batch_norm(x, m, v), shape, (channels,), (channels,))
    same_as_torch(lambda x, m, v: F.batch_norm(x, m, v), shape, (channels + 1,), (channels + 1,))


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize(
    "name", ["mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "binary_cross_entropy_with_logits", "kl_div"]
)
def test_losses(same_as_torch: Check, name: str, reduction: str) -> None:
    same_as_torch(lambda x, y: getattr(F, name)(x, y, reduction=reduction), (4, 5), (4, 5))


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_cross_entropy_of_classes_and_of_maps(same_as_torch: Check, reduction: str) -> None:
    labels = torch.int64
    same_as_torch(lambda x, y: F.cross_entropy(x, y, reduction=reduction), (4, 5), ((4,), labels))
    same_as_torch(lambda x, y: F.cross_entropy(x, y, reduction=reduction), (4, 5, 2, 3), ((4, 2, 3), labels))
    same_as_torch(lambda x, y: F.cross_entropy(x, y, reduction=reduction, label_smoothing=0.1), (4, 5), (4, 5))
    same_as_torch(lambda x, y: F.nll_loss(x, y, reduction=reduction), (4, 5), ((4,), labels))


@pytest.mark.parametrize("function", [
    lambda x, m: torch.where(m, x, 0.0), lambda x, m: torch.where(m, 1, 0), lambda x, m: torch.where(m, 1.0, 0.0), lambda x, m: torch.where(m, 0, x),
    lambda x, m: torch.where(m, x.long(), 0.5), lambda x, m: x.masked_fill(m, float("-inf")), lambda x, m: m * 2, lambda x, m: m + 1.5, lambda x, m: ~m,
    lambda x, m: m.sum(), lambda x, m: x * m, lambda x, m: x.clone().masked_fill_(m, 0), lambda x, m: x.clamp(min=0), lambda x, m: x.clamp_(0, 1),
    lambda x, m: x.topk(2, 1), lambda x, m: x.topk(2).indices, lambda x, m: x.max(1).values, lambda x, m: x.sort(descending=True)[1],
    lambda x, m: torch.max(x, x[:1]), lambda x, m: torch.std_mean(x, 1), lambda x, m: torch.var_mean(x, (0, 1), keepdim=True), lambda x, m: x.var(1, False),
    lambda x, m: x.var(), lambda x, m: x.var(False), lambda x, m: torch.linalg.vector_norm(x, dim=1), lambda x, m: torch.linalg.norm(x), lambda x, m: x.mean((0, 1), True),
    lambda x, m: x.sum(axis=1, keepdims=True), lambda x, m: F.prelu(x, torch.zeros(3)), lambda x, m: F.glu(x[:, :2], 1), lambda x, m: F.gumbel_softmax(x),
    lambda x, m: F.dropout(x, 0.5, training=False), lambda x, m: F.cosine_similarity(x, x), lambda x, m: torch.cdist(x, x), lambda x, m: -x, lambda x, m: +x,
    lambda x, m: 1 - x, lambda x, m: 2 / x, lambda x, m: x // 2, lambda x, m: x % 2, lambda x, m: 2**x, lambda x, m: x**2, lambda x, m: abs(x), lambda x, m: x.pow(2),
    lambda x, m: torch.add(x, x, alpha=2), lambda x, m: torch.add(input=x, other=1), lambda x, m: x.add(1).sub_(2).mul_(3).div_(4), lambda x, m: x.t().add_(1),
    lambda x, m: torch.complex(x, x).abs(), lambda x, m: torch.outer(x[0], x[0]), lambda x, m: torch.cross(x, x, dim=1),
])  # fmt: skip
def test_other_forms(same_as_torch: Check, function: Callable[[Tensor, Tensor], Any]) -> None:
    same_as_torch(function, (3, 3), ((3, 3), torch.bool))
