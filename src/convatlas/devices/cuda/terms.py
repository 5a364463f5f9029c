"""What a kernel's time on a GPU is made of: terms in seconds at the datasheet's rates, each to be multiplied by a coefficient.

    seconds = `least_seconds` x a share + sum of coefficient x term,  coefficients >= 0

A coefficient is thus an inverse efficiency without a unit, which moves from one card to another. A term of a rare kind of kernel
("conv/nchw/large/deep") stands beside one of its parent ("conv/nchw/deep"), so that few networks do not decide alone.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..card import Card
from ..kernel import Kernel
from ..term import LAUNCH_SECONDS, Term, octaves_below
from .products import product_terms
from .rates import cached_seconds
from .windows import convolution_terms, depthwise_terms, grouped_terms

# element-wise kernels: one time a byte for all, and what each needs beyond it
_POINTWISE = frozenset(
    {"relu", "relu6", "gelu", "silu", "sigmoid", "hardswish", "hardsigmoid", "cast", "mul", "add", "batch_norm", "leaky_relu",
     "tanh", "clamp", "div", "pow", "square", "neg", "sub", "mish"}
)  # fmt: skip
_BY_LAYOUT = frozenset(
    {"batch_norm", "avg_pool2d", "max_pool2d", "concat", "adaptive_avg_pool2d", "add/same", "mean/inner", "mean/outer"}
)
_WORK_BY_TAPS = frozenset({"avg_pool2d", "max_pool2d"})


def terms(kernel: Kernel, card: Card) -> Iterator[Term]:
    """The terms of a kernel: names of coefficients, and seconds at the datasheet's rates."""
    yield "launch", LAUNCH_SECONDS
    match kernel.kind:
        case "conv":
            yield from convolution_terms(kernel, card)
        case "grouped":
            yield from grouped_terms(kernel, card)
        case "depthwise" | "depthwise_aten":
            yield from depthwise_terms(kernel, card)
        case "weights":
            yield "weights", kernel.bytes_moved / card.bandwidth
        case _ if kernel.kind.startswith("fused:"):
            yield from fused_terms(kernel, card)
        case _ if kernel.product:
            yield from product_terms(kernel, card)
        case _:
            yield from moving_terms(kernel, card)


def moving_terms(kernel: Kernel, card: Card) -> Iterator[Term]:
    """Of a kernel that computes little: bytes, by what it does with them."""
    kind, moved = kernel.kind, cached_seconds(kernel.bytes_moved, card)
    if kind in _POINTWISE or "/" in kind:
        yield "pointwise", moved
    yield f"move/{kind}", moved
    if kind in _BY_LAYOUT:
        yield f"move/{kind}/{kernel.layout}", moved
    if kernel.span:
        if kind.endswith("/inner") or kind in ("layer_norm", "softmax", "rms_norm"):
            yield f"move/{kind}/short", moved * octaves_below(512, kernel.span)
        else:
            yield f"move/{kind}/smallmap", moved * octaves_below(400, kernel.span)
    if kind in _WORK_BY_TAPS:
        yield f"move/{kind}/taps", kernel.elementwise / card.vector_flops
    if kind in ("interpolate/bilinear", "interpolate/bicubic") and kernel.layout == "nchw":
        # torch's kernel runs one thread for each position of the map, which takes all images and channels one after another
        yield "serial/interpolate", 1e-7 * kernel.bytes_written / 2 / max(kernel.span, 1)


def fused_terms(kernel: Kernel, card: Card) -> Iterator[Term]:
    """Of a group that Inductor fuses."""
    moved = cached_seconds(kernel.bytes_moved, card)
    written = moved * kernel.bytes_written / kernel.bytes_moved if kernel.bytes_moved else 0.0
    content = kernel.kind.removeprefix("fused:")
    yield "fused/read", moved - written
    yield "fused/write", written
    yield f"fused/{content}/moved", moved
    yield f"fused/{content}/{kernel.layout}", moved
    yield f"fused/{content}/work", kernel.elementwise / card.vector_flops
    if kernel.span and (octaves := octaves_below(512, kernel.span)):
        yield f"fused/{content}/short", moved * octaves


def least_seconds(kernel: Kernel, card: Card) -> float:
    """The least that the datasheet allows: FLOPs at the peak rate, or bytes at that of the memory (L2's where they fit)."""
    return max(cached_seconds(kernel.bytes_moved, card), 2.0 * kernel.macs / card.peak(kernel.dtype))
