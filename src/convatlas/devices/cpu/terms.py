"""What an eager kernel's time on an x86 CPU is made of: terms in seconds at the machine's measured rates, for coefficients >= 0.

The same form as on a GPU (`cuda.terms`), of what decides here: arithmetic in blocks of 16 channels, as oneDNN lays them out;
bytes by whether they fit into the last cache; fresh pages of large results; weights, which other layers have pushed out; and
which of two kernels a convolution gets.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil, prod

from ...graph.spec import ITEM_BYTES
from ..card import Card
from ..cuda.rates import LAUNCH_SECONDS, Term, octaves_above, octaves_below
from ..kernel import Kernel, Window
from .convolution import FEW_IMAGES, SMALL_INPUT
from .onednn import BLOCK

_FRESH_BYTES = 2**25  # results above this are memory fresh from the system each time, which glibc never keeps
_CACHE_SPEEDUP = 10.0  # at most so much faster than memory are the caches
_POINTWISE = frozenset(
    {"relu", "relu6", "add", "mul", "sub", "div", "square", "neg", "clamp", "leaky_relu", "cast", "rows", "batch_norm"}
)


def terms(kernel: Kernel, card: Card) -> Iterator[Term]:
    """The terms of a kernel: names of coefficients, and seconds at the machine's rates."""
    yield "launch", LAUNCH_SECONDS
    if kernel.bytes_written > _FRESH_BYTES and not kernel.in_place:
        yield "fresh", kernel.bytes_written / card.bandwidth
    if kernel.window:
        yield from _convolution(kernel, kernel.window, card)
    elif kernel.product:
        yield from _product(kernel, card)
    else:
        yield from _moving(kernel, card)


def least_seconds(kernel: Kernel, card: Card) -> float:
    """The least that the machine allows: FLOPs at the peak rate, or bytes at that of its caches."""
    return max(kernel.bytes_moved / card.bandwidth / _CACHE_SPEEDUP, 2.0 * kernel.macs / card.peak(kernel.dtype))


def _traffic(name: str, moved: float, whole: int, card: Card) -> Iterator[Term]:
    """Seconds of moving bytes, split by how much of all that the kernel touches the last cache holds."""
    near = min(max(1.5 - whole / card.l2_bytes, 0.0), 1.0)
    seconds = moved / card.bandwidth
    if near:
        yield f"{name}/near", seconds * near
    if near < 1:
        yield f"{name}/far", seconds * (1 - near)


def is_native(kernel: Kernel, window: Window, threads: int) -> bool:
    """Whether torch's own kernel runs a convolution, and not oneDNN's: ATen's rule (`use_mkldnn` in Convolution.cpp)."""
    if kernel.dtype != "float32" or window.groups > 1 or kernel.product is None:
        return False
    images = kernel.product.rows // max(window.positions, 1)
    elements = (kernel.bytes_read - kernel.weight_bytes) // ITEM_BYTES[kernel.dtype]
    if images == 1 and min(window.taps) <= 3 and elements <= SMALL_INPUT:
        return True
    plain = prod(window.taps) == 1 and window.stride == 1 and window.dilation == 1
    return threads == 1 and plain and images < FEW_IMAGES


def _route(kernel: Kernel, window: Window, threads: int) -> str:
    """Which kernel a convolution gets, by its window."""
    taps, stride = window.taps, window.stride
    if kernel.kind.startswith("depthwise"):
        return f"depthwise/{min(max(taps), 9)}s{min(stride, 2)}"
    if kernel.kind == "grouped":
        return f"grouped/{min(stride, 2)}"
    if is_native(kernel, window, threads):
        return "conv/native-1x1" if prod(taps) == 1 else "conv/native"
    if window.channels <= 4:
        return "conv/patch" if taps[0] == stride else "conv/stem"
    if taps[0] != taps[1]:
        return "conv/asymmetric"
    return f"conv/{taps[0]}x{taps[0]}s{min(stride, 2)}" if taps[0] in (1, 3) else "conv/large"


def _convolution(kernel: Kernel, window: Window, card: Card) -> Iterator[Term]:
    product = kernel.product
    assert product is not None
    route = _route(kernel, window, card.processors)
    parent = route.partition("/")[0]
    peak = card.peak(kernel.dtype)
    inner, outer = window.channels // window.groups, product.columns
    if parent == "depthwise":
        padded = prod(window.taps) * product.rows * ceil(window.channels / BLOCK) * BLOCK
    else:
        depth = product.depth if inner <= 4 else prod(window.taps) * ceil(inner / BLOCK) * BLOCK
        padded = product.rows * depth * ceil(outer / BLOCK) * BLOCK * window.groups
    work, flops = 2.0 * padded / peak, 2.0 * product.macs / peak
    read, whole = kernel.bytes_read - kernel.weight_bytes, kernel.bytes_moved
    for name in (parent, route):
        yield f"{name}/work", work
        yield f"{name}/flops", flops
        yield from _traffic(f"{name}/read", read, whole, card)
        yield from _traffic(f"{name}/write", kernel.bytes_written, whole, card)
        yield from _traffic(f"{name}/weights", kernel.weight_bytes, kernel.weight_bytes, card)
        for what, octaves in (
            ("shallow", octaves_below(256, product.depth)),
            ("narrow", octaves_below(64, outer)),
            ("smallmap", octaves_below(196, window.positions)),
            ("few-rows", octaves_below(64, product.rows)),
            ("largemap", octaves_above(3136, window.positions)),
            ("deep", octaves_above(1024, product.depth)),
        ):
            if octaves:
                yield f"{name}/{what}", work * octaves
    if (copied := sum(moved for moved in (read, kernel.bytes_written) if moved > _FRESH_BYTES)) and kernel.layout == "nchw":
        yield f"{parent}/fresh-copies", copied / card.bandwidth  # in blocks of channels
    if parent == "grouped":
        group = min(1 << (inner - 1).bit_length(), 64)
        yield f"grouped/of-{group}/work", flops
        yield f"grouped/of-{group}/read", read / card.bandwidth
    if window.dilation > 1:
        yield f"{parent}/dilated", work


def _product(kernel: Kernel, card: Card) -> Iterator[Term]:
    product, key = kernel.product, kernel.kind
    assert product is not None
    flops = 2.0 * product.macs / card.peak(kernel.dtype)
    yield f"{key}/flops", flops
    for what, octaves in (
        ("few-rows", octaves_below(64, product.rows)),
        ("shallow", octaves_below(256, product.depth)),
        ("narrow", octaves_below(64, product.columns)),
    ):
        if octaves:
            yield f"{key}/{what}", flops * octaves
    yield from _traffic(f"{key}/weights", kernel.weight_bytes, kernel.weight_bytes, card)
    yield from _traffic(f"{key}/moved", kernel.bytes_moved - kernel.weight_bytes, kernel.bytes_moved, card)
    if kernel.elementwise:
        yield f"{key}/elementwise", kernel.elementwise / card.vector_flops


def _moving(kernel: Kernel, card: Card) -> Iterator[Term]:
    """Of a kernel that computes little: bytes by where they are, and operations."""
    kind = kernel.kind
    if kind in _POINTWISE or "/" in kind:
        yield from _traffic("pointwise", kernel.bytes_moved, kernel.bytes_moved, card)
    name = f"move/{kind}"
    yield from _traffic(name, kernel.bytes_moved, kernel.bytes_moved, card)
    yield f"{name}/{kernel.layout}", kernel.bytes_moved / card.bandwidth
    yield f"{name}/work", kernel.elementwise / card.vector_flops
    yield f"{name}/call", LAUNCH_SECONDS
    if kernel.span and (octaves := octaves_below(196, kernel.span)):
        yield f"{name}/short", kernel.bytes_moved / card.bandwidth * octaves


def expected(name: str) -> float:
    """The coefficient that a term is pulled to, before anything was measured."""
    last = name.rpartition("/")[2]
    if name == "fresh":
        return 5.0
    if name in ("launch", "constant"):
        return 1.0
    if name.startswith(("pointwise", "move/")) and last in ("near", "far"):
        return 0.3
    if name.count("/") <= 1 + name.startswith("conv/native") and last in ("flops", "work"):
        return 0.1
    return 0.0
