"""A space: choices, what each combination of options builds, and the parts that its costs are the sums of."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from torch import nn

from ...errors import ConvatlasError
from ...names import unknown_name

Option: TypeAlias = "int | float | str | bool"
Values: TypeAlias = "Mapping[str, Option]"
Index: TypeAlias = "NDArray[np.int64]"
Columns: TypeAlias = "Mapping[str, NDArray[np.int64]]"
Shape: TypeAlias = "tuple[int, ...]"


@dataclass(frozen=True, kw_only=True)
class Choice:
    """One decision.

    Attributes:
        name: as values, records and charts call it, as "stage2.width".
        options: what there is to choose from; numbers from small to large, so that a search knows which lie beside each other.

    Raises:
        ConvatlasError: there is no option, or one twice.

    """

    name: str
    options: tuple[Option, ...]

    def __post_init__(self) -> None:
        if not self.options:
            raise ConvatlasError(f"the choice {self.name} has no option; give it one at least")
        if len(set(map(repr, self.options))) < len(self.options):
            raise ConvatlasError(f"the choice {self.name} has an option twice: {', '.join(map(str, self.options))}")

    @property
    def ordered(self) -> bool:
        """Whether the options are numbers."""
        return all(isinstance(option, int | float) and not isinstance(option, bool) for option in self.options)


@dataclass(frozen=True)
class Built:
    """A part of a network by itself, and the shapes that it reads, without the batch axis. ``first``: it reads the image."""

    module: nn.Module
    shapes: tuple[Shape, ...]
    first: bool = False


@dataclass(frozen=True)
class Part:
    """One kind of part of every candidate.

    Attributes:
        make: the part of a key; called once for each key that occurs.
        key: what the part depends on: a number for all candidates, or an array of one for each.
        count: how many of it a candidate has.

    """

    make: Callable[..., Built]
    key: tuple[NDArray[np.int64] | int, ...]
    count: NDArray[np.int64] | int = 1


class Space(ABC):
    """Networks to choose from.

    A candidate is a row of positions, one for each choice, among its options; many at a time are an array (candidates, choices).

    Attributes:
        name: of the space.
        choices: in order.
        input_size: (C, H, W) of an image.
        num_classes: how many logits.

    """

    name: str
    choices: tuple[Choice, ...]
    input_size: tuple[int, int, int]
    num_classes: int

    @abstractmethod
    def parts(self, columns: Columns) -> Iterator[Part]:
        """The parts whose costs add up to a candidate's, for many candidates at a time.

        Args:
            columns: choice -> the option of each candidate, (candidates,); of options that are no whole numbers the position.

        """

    @abstractmethod
    def plan(self, values: Values) -> tuple[str, Mapping[str, object]]:
        """What a candidate is: the class, and the arguments that make it. Two candidates of one plan are one network."""

    @abstractmethod
    def build(self, values: Values) -> nn.Module:
        """The network, initialised.

        Raises:
            ConvatlasError: the options do not make one; names the choice.

        """

    @abstractmethod
    def source(self, values: Values) -> str:
        """A Python file that makes the network by a function ``winner()``, with nothing of convatlas in it."""

    @property
    def size(self) -> int:
        """How many combinations of options there are."""
        return prod(len(choice.options) for choice in self.choices)

    def key(self, values: Values) -> str:
        """A text that is the same for candidates that are the same network."""
        name, arguments = self.plan(values)
        return f"{name}({', '.join(f'{key}={value!r}' for key, value in arguments.items())})"

    def columns(self, index: Index) -> dict[str, NDArray[np.int64]]:
        """The options of many candidates, by choice; see `parts`."""
        found = {}
        for place, choice in enumerate(self.choices):
            column = index[:, place]
            if all(isinstance(option, int) for option in choice.options):
                column = np.array(choice.options, np.int64)[column]
            found[choice.name] = column
        return found

    def values(self, row: Sequence[int]) -> dict[str, Option]:
        """The options of one candidate, by choice."""
        return {choice.name: choice.options[place] for choice, place in zip(self.choices, row, strict=True)}

    def positions(self, values: Values) -> list[int]:
        """The row of a candidate.

        Raises:
            ConvatlasError: there is no such choice or option.

        """
        known = {choice.name: choice for choice in self.choices}
        for name in values:
            if name not in known:
                raise unknown_name(f"choice of {self.name}", name, known, f"there are {', '.join(known)}")
        row = []
        for choice in self.choices:
            value = values.get(choice.name)
            if value not in choice.options:
                raise ConvatlasError(f"`{choice.name}` (={value!r}) must be one of {', '.join(map(str, choice.options))}")
            row.append(choice.options.index(value))
        return row

    def draw(self, count: int, random: np.random.Generator) -> Index:
        """Candidates drawn uniformly, with repetition."""
        return np.stack([random.integers(len(choice.options), size=count) for choice in self.choices], axis=1)

    def all(self) -> Index:
        """Every candidate."""
        grids = np.meshgrid(*(np.arange(len(choice.options)) for choice in self.choices), indexing="ij")
        return np.stack([grid.reshape(-1) for grid in grids], axis=1).astype(np.int64)
