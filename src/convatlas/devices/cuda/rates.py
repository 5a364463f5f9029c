"""Rates of a GPU's parts: its L2, its tiles and waves."""

from __future__ import annotations

from math import ceil

from ..card import Card
from ..kernel import Product

L2_SPEEDUP = 2.5  # of its bandwidth over the memory's


def cached_seconds(moved: int, card: Card) -> float:
    """Seconds to move bytes, of which a share comes from L2 where they fit."""
    share = min(max(1.5 - moved / card.l2_bytes, 0.0), 1.0)
    return moved / card.bandwidth * (1 - share * (1 - 1 / L2_SPEEDUP))


def tiled_flops(product: Product, card: Card, widths: tuple[int, ...]) -> float:
    """FLOPs of a product in tiles of 128 rows and one of these widths, depth in steps of 32, in whole waves over the processors."""
    least = float("inf")
    for width in widths:
        tiles = ceil(product.rows / 128) * ceil(product.columns / width) * product.batch
        waves = ceil(tiles / card.processors)
        least = min(least, waves * card.processors * 128 * width * ceil(product.depth / 32) * 32 * 2.0)
    return least


def preferred_width(product: Product) -> int:
    """The width of tiles that reuses most of what is loaded without being wider than the product, up to 128."""
    return 32 if product.columns <= 32 else 64 if product.columns <= 64 else 128
