"""Parameters and multiply-accumulates are the published ones, to the precision that was printed.

The tables `PUBLISHED` and `DEPARTS` stand in `parity_*.py` beside this file: our name, our options, input size,
quantity ("params" or "macs"), the value as printed, its unit, its source; and in `DEPARTS` why our network differs.
"""

from __future__ import annotations

import csv
import functools
from collections.abc import Callable, Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from convatlas.zoo import REGISTRY, create

UNITS = {"count": 1, "K": 10**3, "M": 10**6, "G": 10**9, "MiB": Decimal(2**20) / 4}  # MiB: of float32
REFERENCE = Path(__file__).parents[3] / "shared" / "reference" / "published.csv"


@functools.cache
def counted(name: str, options: tuple[tuple[str, Any], ...], size: int, quantity: str) -> int:
    """Parameters, or multiply-accumulates of convolutions and linear layers by hooks, of a `meta` network."""
    with torch.device("meta"):
        network = create(name, **dict(options)).eval()
    if quantity == "params":
        return sum(parameter.numel() for parameter in network.parameters())
    macs = 0

    def count(layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal macs
        weight = layer.weight
        assert isinstance(weight, Tensor)
        macs += output.numel() * weight[0].numel()

    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            module.register_forward_hook(count)
    with torch.no_grad():
        network(torch.empty(1, REGISTRY[name].input_size[0], size, size, device="meta"))
    return macs


def agrees(computed: int, value: str, unit: str) -> bool:
    """Whether a number rounds to what was printed, digit for digit."""
    printed = Decimal(value)
    half_a_digit = Decimal(5).scaleb(int(printed.as_tuple().exponent) - 1)
    return abs(Decimal(computed) / Decimal(UNITS[unit]) - printed) <= half_a_digit


def rows(tables: list[Any], table: str) -> list[tuple[Any, ...]]:
    return [row for module in tables for row in getattr(module, table, [])]


def of_the_sample(figures: list[tuple[Any, ...]], sample: dict[str, tuple[str, ...]]) -> list[tuple[Any, ...]]:
    names = {name for names in sample.values() for name in names}
    return [row for row in figures if row[0] in names]


def test_printed_precision_is_what_decides() -> None:
    assert agrees(3_856_000_000, "3.86", "G")
    assert agrees(3_864_999_999, "3.86", "G")
    assert not agrees(3_849_000_000, "3.86", "G")
    assert not agrees(60_965_224, "60", "M")
    assert agrees(60_965_224, "61", "M")
    assert agrees(60_965_224, "233", "MiB")


def wrong_figures(figures: Iterable[tuple[Any, ...]]) -> list[str]:
    wrong = []
    for name, options, size, quantity, value, unit, source in figures:
        computed = counted(name, tuple(options.items()), size, quantity)
        if not agrees(computed, value, unit):
            wrong.append(f"{name} {options or ''} at {size}: {quantity} {computed:,}, published {value} {unit} ({source})")
    return wrong


def stale_departures(figures: Iterable[tuple[Any, ...]]) -> list[str]:
    stale = []
    for name, options, size, quantity, value, unit, source, reason in figures:
        assert reason
        if agrees(counted(name, tuple(options.items()), size, quantity), value, unit):
            stale.append(f"{name} {options} at {size}: {quantity} {value} {unit} ({source}) holds")
    return stale


def test_published_figures_of_the_sample_hold(parity_tables: list[Any], sample: dict[str, tuple[str, ...]]) -> None:
    wrong = wrong_figures(of_the_sample(rows(parity_tables, "PUBLISHED"), sample))
    assert not wrong, "\n".join(wrong)


@pytest.mark.slow
def test_published_figures_hold(parity_tables: list[Any]) -> None:
    wrong = wrong_figures(rows(parity_tables, "PUBLISHED"))
    assert not wrong, "\n".join(wrong)


def test_departures_of_the_sample_still_depart(parity_tables: list[Any], sample: dict[str, tuple[str, ...]]) -> None:
    stale = stale_departures(of_the_sample(rows(parity_tables, "DEPARTS"), sample))
    assert not stale, "\n".join(stale)


@pytest.mark.slow
def test_departures_still_depart_and_say_why(parity_tables: list[Any]) -> None:
    stale = stale_departures(rows(parity_tables, "DEPARTS"))
    assert not stale, "\n".join(stale)


def test_enough_figures_are_checked(parity_tables: list[Any]) -> None:
    assert len(rows(parity_tables, "PUBLISHED")) >= 400


def test_figures_were_copied_as_printed(parity_tables: list[Any], published_values: Callable[[str, str], set[str]]) -> None:
    invented = [
        (name, quantity, value, unit, source)
        for name, _, _, quantity, value, unit, source in all_figures(parity_tables)
        if value not in published_values(quantity, unit)
    ]
    assert not invented


def all_figures(tables: list[Any]) -> list[tuple[Any, ...]]:
    """Those that hold and those that do not."""
    return [row[:7] for row in [*rows(tables, "PUBLISHED"), *rows(tables, "DEPARTS")]]


@pytest.fixture(scope="module")
def published_values() -> Callable[[str, str], set[str]]:
    """The values that the collection of published figures has of a quantity in a unit."""
    if not REFERENCE.exists():
        pytest.skip("the collection of published figures is not beside this tree")
    with REFERENCE.open(newline="", encoding="utf-8") as file:
        published = list(csv.DictReader(file))

    @functools.cache
    def values(quantity: str, unit: str) -> set[str]:
        quantity, unit = ("param_memory", "MB") if unit == "MiB" else (quantity, unit)
        return {row["value"] for row in published if row["quantity"] == quantity and row["unit"] == unit}

    return values
