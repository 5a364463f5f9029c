"""What an eager kernel's time on an x86 CPU is made of: terms in seconds at the machine's measured rates, for coefficients >= 0.

The same form as on a GPU (`cuda.terms`), of what decides here: arithmetic in blocks of 16 channels, as oneDNN lays them out;
bytes by whether they fit into the last cache; pages that are new to the process; weights, which other layers have pushed out; and
which of its kernels a convolution gets (`lower`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from math import ceil, prod

from ...graph.spec import ITEM_BYTES
from ..card import Card
from ..kernel import Kernel, Product, Window
from ..term import LAUNCH_SECONDS, Term, octaves_below
from .onednn import BLOCK

NEW_PAGES = "new_pages"
_FEW_CHANNELS = 4  # of an image
_CACHE_SPEEDUP = 10.0  # at most so much faster than memory are the caches
_PARENTS = ("conv/", "grouped/", "depthwise/")
_POINTWISE = frozenset(
    {"relu", "relu6", "add", "mul", "sub", "div", "square", "neg", "clamp", "leaky_relu", "cast", "rows", "batch_norm"}
)


def new_pages(num_bytes: int) -> Kernel:
    """What the system does for memory that is new to a process: it clears each page when it is first touched."""
    return Kernel(NEW_PAGES, 0, num_bytes)


def terms(kernel: Kernel, card: Card) -> Iterator[Term]:
    """The terms of a kernel: names of coefficients, and seconds at the machine's rates."""
    if kernel.kind == NEW_PAGES:
        yield NEW_PAGES, kernel.bytes_written / card.bandwidth
        return
    yield "launch", LAUNCH_SECONDS
    if kernel.window:
        yield from _convolution(kernel, kernel.window, card)
    elif kernel.product:
        yield from _product(kernel, card)
    else:
        yield from _moving(kernel, card)


def once(kernels: Collection[Kernel]) -> Iterator[Term]:
    """The terms that kernels which differ have once in a pass: the code of each must be fetched."""
    yield "distinct", LAUNCH_SECONDS * sum(kernel.kind != NEW_PAGES for kernel in kernels)


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


def _convolution(kernel: Kernel, window: Window, card: Card) -> Iterator[Term]:
    product, key = kernel.product, kernel.kind
    assert product is not None
    peak, images = card.peak(kernel.dtype), product.rows // max(window.positions, 1)
    work, flops = 2.0 * _padded_macs(product, window) / peak, 2.0 * product.macs / peak
    read, whole = kernel.bytes_read - kernel.weight_bytes, kernel.bytes_moved
    for name in (key, f"{key}/{_shape(window)}"):
        yield f"{name}/work", work
        yield f"{name}/flops", flops
        yield from _traffic(f"{name}/read", read, whole, card)
        yield from _traffic(f"{name}/write", kernel.bytes_written, whole, card)
        yield from _traffic(f"{name}/weights", kernel.weight_bytes, kernel.weight_bytes, card)
        for what, octaves in (
            ("shallow", octaves_below(256, product.depth)),
            ("narrow", octaves_below(64, product.columns)),
            ("smallmap", octaves_below(784, window.positions)),
        ):
            if octaves:
                yield f"{name}/{what}", work * octaves
    if key.endswith(("/native", "/product")):
        yield f"{key}/calls", LAUNCH_SECONDS * images * window.groups
        if prod(window.taps) > 1:
            yield f"{key}/columns", product.rows * product.depth * window.groups * ITEM_BYTES[kernel.dtype] / card.bandwidth
    if window.dilation > 1:
        yield f"{key}/dilated", work


def _padded_macs(product: Product, window: Window) -> int:
    """Multiply-accumulates in whole blocks of channels; images of a few channels are read as they are."""
    if product.columns == 1 and window.channels == window.groups:
        return prod(window.taps) * product.rows * ceil(window.channels / BLOCK) * BLOCK
    inner = window.channels // window.groups
    depth = product.depth if inner <= _FEW_CHANNELS else prod(window.taps) * ceil(inner / BLOCK) * BLOCK
    return product.rows * depth * ceil(product.columns / BLOCK) * BLOCK * window.groups


def _shape(window: Window) -> str:
    """The kind of window that a kernel slides over the map."""
    high, wide = window.taps
    if window.channels <= _FEW_CHANNELS:
        return "patch" if high == window.stride else "stem"
    if high != wide:
        return "asymmetric"
    return f"{high if high in (1, 3, 5) else 'large'}s{min(window.stride, 2)}"


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
    if name == NEW_PAGES:
        return 8.0
    if name in ("launch", "constant", "distinct"):
        return 1.0
    if name.startswith(("pointwise", "move/")) and last in ("near", "far"):
        return 0.3
    if name.count("/") <= 1 + name.startswith(_PARENTS) and last in ("flops", "work"):
        return 0.1
    return 0.0
