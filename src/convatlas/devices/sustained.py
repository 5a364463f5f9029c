"""What a card sustains for long within its power: its clock, the rate of its matrix products, and that of its L2."""

from __future__ import annotations

from math import cbrt, sqrt

from .card import Card

# Datasheets' boost clocks are held for long by cards with the power for it. The reference is an RTX 4090, whose 450 W for 128
# multiprocessors hold 2.52 GHz. Dynamic power grows with the clock times the voltage squared, which rises with the clock: its cube.
# Chips in older processes need more power than that for a clock; theirs have it.
_WATTS_EACH, _AT_HZ = 450 / 128, 2.52e9
# FLOPs of matrix products for a joule, in half precision: the best of measured shapes over the card's power, as published in
# github.com/stas00/ml-engineering (compute/accelerator): A100 SXM 271 TFLOPs a second at 400 W; H100 SXM 794 at 700 W, whose
# instructions for products of a whole tile no other architecture of the datasheets has.
_FLOPS_PER_JOULE, _FLOPS_PER_JOULE_BY_TILES = 271.2e12 / 400, 794.5e12 / 700
_OF_TILES = 3000  # FLOPs a clock of a multiprocessor, above which it is one of those


def sustained_clock(card: Card) -> float:
    """The clock in Hz that a card holds within its power; its boost clock where no power is known."""
    if not card.watts:
        return card.clock_hz
    needed = _WATTS_EACH * (card.clock_hz / _AT_HZ) ** 3
    return card.clock_hz * cbrt(min(card.watts / card.processors / needed, 1.0))


def sustained_vector_flops(card: Card) -> float:
    """FLOPs a second of the vector units at the sustained clock."""
    return card.vector_flops * sustained_clock(card) / card.clock_hz


def sustained_product_flops(card: Card) -> float:
    """FLOPs a second of matrix products in half precision (CPUs: in float32) that the power suffices for; the peak where no power is known."""
    peak = card.peak("float16")
    if not card.watts:
        return peak
    by_tiles = peak / card.processors / card.clock_hz > _OF_TILES
    return min(peak, card.watts * (_FLOPS_PER_JOULE_BY_TILES if by_tiles else _FLOPS_PER_JOULE))


def cache_speedup(of: Card, over: Card) -> float:
    """How many times as fast one card's L2 is as another's.

    Slices of L2 sit at the memory's channels and deliver so many bytes a clock: its rate is the bus's width times the clock where
    both buses are of one kind. Else it is taken to lie in the middle between the memory's and the vector units'.
    """
    if of.bus_bits and over.bus_bits and _stacked(of) == _stacked(over):
        return of.bus_bits * sustained_clock(of) / (over.bus_bits * sustained_clock(over))
    return sqrt(of.bandwidth / over.bandwidth * sustained_vector_flops(of) / sustained_vector_flops(over))


def _stacked(card: Card) -> bool:
    """Whether the memory is stacked beside the chip: many slow wires instead of few fast ones."""
    return card.bus_bits >= 1024
