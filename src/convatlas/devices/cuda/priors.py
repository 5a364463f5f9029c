"""What coefficients are expected to be before anything was measured."""

from __future__ import annotations

from ..kernel import Kernel

_WHOLE = frozenset({"launch", "constant", "weights", "serial/interpolate"})
_POINTWISE_KINDS = frozenset(
    {"relu", "relu6", "gelu", "silu", "sigmoid", "hardswish", "hardsigmoid", "cast", "mul", "add", "batch_norm", "leaky_relu",
     "tanh", "clamp", "div", "pow", "square", "neg", "sub", "mish"}
)  # fmt: skip


# last parts of terms that are a kernel's work, not its traffic
_WORK = frozenset(
    {"flops", "tiles", "wide-tiles", "widest-tiles", "shallow", "deep", "narrow", "wide", "smallmap", "largemap", "padded", "work", "scores",
     "taps", "padding", "dilated", "stride", "unaligned", "few-work", "unaligned-work"}
)  # fmt: skip


def part(name: str, kernel: Kernel, computes: bool) -> str:
    """Which part of a kernel's time a term belongs to; see `Parts`. ``computes``: whether its FLOPs take longer than its bytes."""
    last = name.rpartition("/")[2]
    if name == "launch":
        return "fixed"
    if last == "larger":
        return "product" if computes else "cache"
    if name in _WHOLE:
        return "memory"
    if name.startswith("move/") or last not in _WORK:
        return "cache"
    return "product" if kernel.product and not kernel.kind.startswith("depthwise") else "vector"


def expected(name: str) -> float:
    """The coefficient that a term is pulled to.

    What the datasheet allows is counted already; a kernel takes a little more. What a kind needs beyond its parent, and
    what unfavourable sizes cost, is expected to be nothing.
    """
    parts = name.split("/")
    if name in _WHOLE:
        return 1.0
    if name == "pointwise" or (parts[0] == "move" and len(parts) == 2 and parts[1] not in _POINTWISE_KINDS):
        return 0.2
    if parts[0].startswith("depthwise") and len(parts) == 3 and parts[2] in ("read", "write", "work"):
        return 0.3
    return 0.1 if parts[0] == "weights" or parts[-1] in ("flops", "tiles", "larger", "read", "write", "padded", "moved") else 0.0
