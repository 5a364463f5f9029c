"""Terms of matrix products and attention."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil

from ..card import Card
from ..kernel import Kernel
from ..term import Term, octaves_above, octaves_below
from .rates import cached_seconds, preferred_width, tiled_flops


def product_terms(kernel: Kernel, card: Card) -> Iterator[Term]:
    """FLOPs, FLOPs in tiles, the larger of computing and moving, and what unfavourable sizes cost."""
    product, key = kernel.product, kernel.kind
    assert product is not None
    peak = card.peak(kernel.dtype)
    moving = kernel.bytes_moved - kernel.weight_bytes
    moved = cached_seconds(moving, card)
    written = moved * kernel.bytes_written / moving
    flops = 2.0 * product.macs / peak
    yield f"{key}/flops", flops
    if kernel.weight_bytes:
        yield f"weights/{key}", kernel.weight_bytes / card.bandwidth
    yield f"{key}/read", moved - written
    yield f"{key}/write", written
    if key in ("linear", "matmul"):
        yield f"{key}/tiles", tiled_flops(product, card, (32, 64, 128)) / peak
        yield f"{key}/wide-tiles", tiled_flops(product, card, (preferred_width(product),)) / peak
        yield f"{key}/widest-tiles", tiled_flops(product, card, (min(2 * preferred_width(product), 256),)) / peak
        yield f"{key}/larger", max(flops / 0.75, moved / 0.85)
        for name, octaves in (
            ("shallow", octaves_below(256, product.depth)),
            ("narrow", octaves_below(128, product.columns)),
            ("deep", octaves_above(1024, product.depth)),
            ("wide", octaves_above(1024, product.columns)),
        ):
            if octaves:
                yield f"{key}/{name}", flops * octaves
                yield f"{key}/{name}-moved", moved * octaves
        if product.depth % 8 or product.columns % 8:
            yield f"{key}/odd", moved
    elif key.startswith("attention"):
        padded = ceil(product.rows / 64) * ceil(product.columns / 64) * ceil(product.depth / 64) * 64**3
        yield f"{key}/padded", 2.0 * padded * product.batch / peak
        yield f"{key}/short", flops * octaves_below(256, product.columns)
        yield f"{key}/scores", kernel.elementwise / card.vector_flops
