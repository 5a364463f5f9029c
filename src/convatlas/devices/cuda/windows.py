"""Terms of convolutions: dense, grouped, depthwise."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil, log2, prod

from ..card import Card
from ..kernel import Kernel, Product, Window
from ..term import Term, octaves_above, octaves_below
from .rates import cached_seconds, preferred_width, tiled_flops

_GENERAL_OPERATIONS = 8  # instructions of a general depthwise kernel for each multiply-accumulate: addresses, bounds, loads
_LARGEST_SPECIAL = 49  # taps that cuDNN has a kernel of its own for


def _parts(kernel: Kernel, card: Card) -> tuple[Product, Window, float, float, float]:
    """Product, window, and seconds to read the images, to write the result and to compute."""
    assert kernel.product is not None
    assert kernel.window is not None
    moved = kernel.bytes_moved
    scale = cached_seconds(moved, card) / moved
    read, write = (kernel.bytes_read - kernel.weight_bytes) * scale, kernel.bytes_written * scale
    return kernel.product, kernel.window, read, write, 2.0 * kernel.macs / card.peak(kernel.dtype)


def _kind(window: Window) -> str:
    taps, stride = window.taps, window.stride
    if window.channels <= 4:
        return "stem-patch" if taps[0] == stride else "stem-small" if prod(taps) <= 9 else "stem"
    if taps[0] != taps[1]:
        return "asymmetric"
    if taps[0] in (1, 3):
        return f"{taps[0]}x{taps[0]}s{min(stride, 2)}"
    return "patch" if taps[0] == stride else "large"


def convolution_terms(kernel: Kernel, card: Card) -> Iterator[Term]:
    """Of a dense convolution, by layout and kind of window."""
    product, window, read, write, flops = _parts(kernel, card)
    peak = card.peak(kernel.dtype)
    common = f"conv/{kernel.layout}"
    moved = read + write
    if window.positions == 1:  # squeeze-and-excitation's
        yield f"{common}/pixel/moved", moved
        yield f"{common}/pixel/flops", flops
        return
    kind = _kind(window)
    key = f"{common}/{kind}"
    width = product.columns
    yield f"{key}/flops", flops
    yield "weights/conv", kernel.weight_bytes / card.bandwidth
    yield f"{key}/tiles", tiled_flops(product, card, (32, 64, 128)) / peak
    wide = tiled_flops(product, card, (preferred_width(product),)) / peak
    yield f"{common}/wide-tiles", wide
    yield f"{key}/wide-tiles", wide
    yield f"{common}/widest-tiles", tiled_flops(product, card, (min(2 * preferred_width(product), 256),)) / peak
    yield f"{key}/larger", max(flops / 0.75, moved / 0.85)
    yield f"{key}/read", read
    yield f"{key}/write", write
    for name, octaves in (
        ("shallow", octaves_below(256, product.depth)),
        ("deep", octaves_above(1024, product.depth)),
        ("narrow", octaves_below(128, width)),
        ("wide", octaves_above(512, width)),
        ("smallmap", octaves_below(400, window.positions)),
        ("largemap", octaves_above(3136, window.positions)),
    ):
        if octaves:
            for parent in (common, key):
                yield f"{parent}/{name}", flops * octaves
                yield f"{parent}/{name}-moved", moved * octaves
    if window.positions % 8:
        yield f"{key}/odd", moved
    if not kind.startswith("stem"):
        padded = ceil(window.channels / 8) * ceil(width / 8) * 64 / (window.channels * width) - 1
        if padded:
            yield f"{common}/padding", flops * padded
    if window.channels % 8:
        yield f"{common}/misread", read
    if width % 8:
        yield f"{common}/miswrite", write
    if window.dilation > 1:
        yield f"{common}/dilated", flops
    if kernel.elementwise:
        yield f"{common}/bias", write


def grouped_terms(kernel: Kernel, card: Card) -> Iterator[Term]:
    """Of a grouped convolution, by the channels of a group."""
    product, window, read, write, flops = _parts(kernel, card)
    channels = window.channels // window.groups
    common = f"grouped/{kernel.layout}"
    key = f"{common}/{min(1 << round(log2(channels)), 128)}"
    padded = (
        2.0 * product.rows * ceil(product.columns / 32) * ceil(product.depth / 32) * 1024 * product.batch / card.peak(kernel.dtype)
    )
    yield f"{common}/padded", padded
    yield f"{common}/read", read
    yield f"{common}/write", write
    yield f"{key}/flops", flops
    yield f"{key}/write", write
    if window.stride > 1:
        yield f"{common}/stride", padded
        yield f"{key}/stride", flops
        yield f"{key}/stride-read", read
    for name, octaves in (("smallmap", octaves_below(400, window.positions)), ("largemap", octaves_above(784, window.positions))):
        if octaves:
            yield f"{common}/{name}", padded * octaves
            yield f"{key}/{name}", flops * octaves
    if channels & (channels - 1):
        yield f"{common}/unaligned", padded
    if prod(window.taps) != 9:
        yield f"{common}/taps", flops


def depthwise_terms(kernel: Kernel, card: Card) -> Iterator[Term]:
    """Of a depthwise convolution, by whose kernel it is, window and stride."""
    _, window, read, write, _ = _parts(kernel, card)
    taps = prod(window.taps)
    aten = kernel.kind == "depthwise_aten"
    work = 2.0 * kernel.macs / card.vector_flops * (_GENERAL_OPERATIONS if aten or taps > _LARGEST_SPECIAL else 1)
    common = f"{kernel.kind}/{kernel.layout}"
    key = f"{common}/{ {9: '3', 25: '5', 49: '7'}.get(taps, 'other') }s{min(window.stride, 2)}"
    yield f"{common}/read", read
    yield f"{common}/write", write
    yield f"{common}/work", work
    yield f"{key}/read", read
    yield f"{key}/work", work
    small, large = octaves_below(400, window.positions), octaves_above(3136, window.positions)
    if small:
        yield f"{common}/smallmap", write * small
        yield f"{key}/smallmap", write * small
    if large:
        yield f"{common}/largemap", write * large
    if window.channels % 8:
        yield f"{common}/unaligned", read
        yield f"{common}/unaligned-work", work
    if few := octaves_below(64, window.channels):
        yield f"{common}/few", read * few
        yield f"{common}/few-work", work * few
