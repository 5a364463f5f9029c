"""Solve: the one free number of a block for a budget: the real solution, the whole numbers around it, and their exact cost."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import torch
from torch import nn

from ..analysis.cost import cost
from ..errors import ConvatlasError
from ..names import unknown_name
from ..trace import trace
from .blocks import BLOCKS, Make

QUANTITIES = ("macs", "params")
_LARGEST = 2**20


class Choice(NamedTuple):
    """A whole number for the free one, and what the block costs with it."""

    value: int
    params: int
    macs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Solution:
    """The free number of a block for a budget.

    Attributes:
        block: its name.
        free: the name of the number.
        numbers: the others.
        input_size: (C, H, W) that the block reads.
        quantity: "macs" of one such input, or "params".
        budget: of it.
        real: where the cost meets the budget between whole numbers; exact where it is a polynomial of degree two, as of a width.
        below, above: the whole numbers around it; the same one where the solution is whole.

    """

    block: str
    free: str
    numbers: Mapping[str, int]
    input_size: tuple[int, ...]
    quantity: str
    budget: float
    real: float
    below: Choice
    above: Choice

    @property
    def nearest(self) -> Choice:
        """The one of the two that costs nearest to the budget."""
        return min((self.below, self.above), key=lambda choice: abs(self.spent(choice) - self.budget))

    @property
    def within(self) -> Choice:
        """The one of the two that costs the most within the budget."""
        kept = [choice for choice in (self.below, self.above) if self.spent(choice) <= self.budget]
        return max(kept, key=self.spent)

    @property
    def value(self) -> int:
        """The nearest whole number."""
        return self.nearest.value

    def spent(self, choice: Choice) -> int:
        """What a choice costs of the budget's quantity."""
        return choice.macs if self.quantity == "macs" else choice.params

    def __str__(self) -> str:
        parts = [
            f"{self.free} = {choice.value}: {self.spent(choice):,} ({self.spent(choice) / self.budget:.1%})"
            for choice in (self.below, self.above)
        ]
        name = {"macs": "MACs", "params": "parameters"}[self.quantity]
        return f"{self.block}: {self.free} = {self.real:.3f} for {self.budget:,.0f} {name}; {'; '.join(dict.fromkeys(parts))}"


def solve(
    block: str | Make,
    budget: float | str | nn.Module,
    free: str,
    *,
    quantity: str = "macs",
    input_size: Sequence[int] | None = None,
    **numbers: int,
) -> Solution:
    """The free number of a block for a budget.

    Args:
        block: "bottleneck", "resnext", "se_bottleneck", "inverted_residual" or "dense_block"; or one's own function from ``free``
            and ``numbers`` by their names to a module.
        budget: a number, or what another block costs on the same input: its name, or a module.
        free: the number to be found, as "width", "reduction", "expansion" or "growth"; the cost has to grow with it, or to fall.
        quantity: "macs" of one input, or "params".
        input_size: (C, H, W); by default as in the block's paper.
        numbers: the block's other numbers, as ``groups=8``; by default as in its paper.

    Raises:
        ConvatlasError: an unknown block or number, a budget that no whole number comes near to, or a block that cannot be built.

    """
    if quantity not in QUANTITIES:
        raise ConvatlasError(f"unknown quantity {quantity!r}: choose {' or '.join(QUANTITIES)}")
    make, name, known = _made_by(block)
    for given in (free, *numbers):
        if known is not None and given not in known:
            raise unknown_name(f"number of {name}", given, known, f"it has {', '.join(known)}")
    if free in numbers:
        raise ConvatlasError(f"`{free}` (={numbers[free]}) is to be found; leave its value out")
    size = _size(block, known, numbers, input_size)

    @cache
    def choice(value: int) -> Choice:
        module = _built(lambda: make(**numbers, **{free: value}), f"{name} with {free} = {value}")
        return _costs(module, value, size)

    amount = _amount(budget, quantity, size)
    spent: Callable[[int], int] = lambda value: getattr(choice(value), quantity)  # noqa: E731
    low, high = _around(spent, amount, f"{name} with {free}")
    fixed = {key: value for key, value in {**(known or {}), **numbers}.items() if key != free}
    return Solution(
        block=name, free=free, numbers=fixed, input_size=size, quantity=quantity, budget=amount, real=_real(spent, amount, low, high),
        below=choice(low), above=choice(high),
    )  # fmt: skip


def _made_by(block: str | Make) -> tuple[Make, str, Mapping[str, int] | None]:
    if isinstance(block, str):
        if block not in BLOCKS:
            raise unknown_name("block", block, BLOCKS, f"there are {', '.join(BLOCKS)}")
        return BLOCKS[block].make, block, BLOCKS[block].numbers
    if not callable(block):
        raise ConvatlasError(f"a block is given by its name or by a function that makes it, got {block!r:.60}")
    return block, getattr(block, "__name__", type(block).__name__), None


def _size(
    block: str | Make, known: Mapping[str, int] | None, numbers: Mapping[str, int], input_size: Sequence[int] | None
) -> tuple[int, ...]:
    if input_size is not None:
        return tuple(input_size)
    if known is None or not isinstance(block, str):
        raise ConvatlasError("one's own block needs an input; say it, as input_size=(256, 56, 56)")
    return numbers.get("channels", known["channels"]), BLOCKS[block].side, BLOCKS[block].side


def _amount(budget: float | str | nn.Module, quantity: str, size: tuple[int, ...]) -> float:
    """A budget as a number; of a block, what it costs on the same input."""
    if isinstance(budget, str):
        make, name, known = _made_by(budget)
        assert known is not None
        given = {"channels": size[0]} if "channels" in inspect.signature(make).parameters else {}
        budget = _built(lambda: make(**given), name)
    if isinstance(budget, nn.Module):
        return float(getattr(_costs(budget, 0, size), quantity))
    if isinstance(budget, bool) or not isinstance(budget, int | float) or not 0 < budget < math.inf:
        raise ConvatlasError(f"`budget` (={budget!r}) must be a number above 0, a block or its name")
    return float(budget)


def _built(make: Callable[[], nn.Module], what: str) -> nn.Module:
    try:
        with torch.device("meta"):
            return make().eval()
    except Exception as error:  # whatever a block raises whose numbers do not go together
        raise ConvatlasError(f"{what} cannot be built: {error}") from error


def _costs(module: nn.Module, value: int, size: tuple[int, ...]) -> Choice:
    counted = cost(trace(module.eval(), (1, *size)))
    return Choice(value, counted.params, counted.macs)


def _around(spent: Callable[[int], int], amount: float, what: str) -> tuple[int, int]:
    """The two neighbours between which the cost passes the budget; one twice where it meets it."""
    low, high = 1, 2
    grows = spent(high) >= spent(low)

    def beyond(value: int) -> bool:
        return spent(value) > amount if grows else spent(value) < amount

    if beyond(low):
        raise ConvatlasError(
            f"{what} = {low} costs {spent(low):,} already, {'above' if grows else 'below'} the budget of {amount:,.0f}"
        )
    while not beyond(high):
        low, high = high, high * 2
        if high > _LARGEST:
            raise ConvatlasError(f"{what} up to {_LARGEST:,} stays {'below' if grows else 'above'} the budget of {amount:,.0f}")
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if beyond(middle) else (middle, high)
    return (low, low) if spent(low) == amount else (low, high)


def _real(spent: Callable[[int], int], amount: float, low: int, high: int) -> float:
    """Where a parabola through the two and the next one meets the budget: exact for a cost of degree two or less."""
    if low == high:
        return float(low)
    first, second, third = (spent(value) - amount for value in (low, high, high + 1))
    bend = (third - 2 * second + first) / 2
    slope = second - first - bend  # at x = value - low: bend x^2 + slope x + first
    if abs(bend) < 1e-12 * abs(slope):
        return low - first / slope
    root = math.sqrt(max(slope**2 - 4 * bend * first, 0.0))
    return low + min(((-slope + sign * root) / (2 * bend) for sign in (1, -1)), key=lambda x: abs(x - 0.5))
