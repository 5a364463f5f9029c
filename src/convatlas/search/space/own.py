"""A space of the user's: a Python function whose parameters with a tuple for a default are the choices."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from ...errors import ConvatlasError
from .base import Built, Choice, Columns, Index, Part, Space, Values

_FROM_DATA = ("in_channels", "num_classes")


class OwnSpace(Space):
    """What a function makes of its parameters' options: ``def net(*, width=(16, 32), depth=(1, 2, 3)) -> nn.Module``.

    Parameters ``in_channels`` and ``num_classes`` get what the images have, unless they are choices. A network is traced as a whole,
    once for each candidate that is met.

    Raises:
        ConvatlasError: no parameter has a tuple for a default.

    """

    def __init__(
        self, function: Callable[..., nn.Module], input_size: tuple[int, int, int] | None = None, num_classes: int = 1000
    ) -> None:
        self.function = function
        self.name = getattr(function, "__name__", type(function).__name__)
        own: Any = getattr(function, "input_size", None)
        self.input_size = input_size or own or (3, 224, 224)
        self.num_classes = num_classes
        parameters = inspect.signature(function).parameters
        self.choices = tuple(
            Choice(name=name, options=parameter.default)
            for name, parameter in parameters.items()
            if isinstance(parameter.default, tuple)
        )
        if not self.choices:
            raise ConvatlasError(
                f"{self.name} has no choice: give its parameters tuples of options for defaults, as def {self.name}(*, width=(16, 32), depth=(1, 2))"
            )
        told = dict(zip(_FROM_DATA, (self.input_size[0], num_classes), strict=True))
        chosen = {choice.name for choice in self.choices}
        self._told = {name: value for name, value in told.items() if name in parameters and name not in chosen}

    def columns(self, index: Index) -> dict[str, NDArray[np.int64]]:
        """Positions, since options may be anything."""
        return {choice.name: index[:, place] for place, choice in enumerate(self.choices)}

    def parts(self, columns: Columns) -> Iterator[Part]:
        yield Part(self.whole, tuple(columns.values()))

    def whole(self, *key: int) -> Built:
        """The network of a row of positions."""
        return Built(self.build(self.values(key)), (self.input_size,), first=True)

    def plan(self, values: Values) -> tuple[str, dict[str, object]]:
        return self.name, {**values, **self._told}

    def build(self, values: Values) -> nn.Module:
        made = self._attempt(values)
        if isinstance(made, Exception):
            shown = ", ".join(f"{name}={value!r}" for name, value in values.items())
            raise ConvatlasError(
                f"{self.name}({shown}) makes no network{self._culprit(values)}: {type(made).__name__}: {made}"
            ) from made
        return made

    def _attempt(self, values: Values) -> nn.Module | Exception:
        try:
            made = self.function(**values, **self._told)
        except Exception as error:
            return error
        return made if isinstance(made, nn.Module) else TypeError(f"it returned {made!r:.60}, not an nn.Module")

    def _culprit(self, values: Values) -> str:
        """Which choice to change: one with another option of which the function makes a network."""
        for choice in self.choices:
            for option in choice.options:
                if option != values[choice.name] and not isinstance(self._attempt({**values, choice.name: option}), Exception):
                    return f"; the option {values[choice.name]!r} of `{choice.name}` does not go with the others (it works with {option!r})"
        return ""

    def source(self, values: Values) -> str:
        place = inspect.getsourcefile(self.function)
        if place is None:
            raise ConvatlasError(f"{self.name} has no file whose text could be written down")
        arguments = ", ".join(f"{name}={value!r}" for name, value in self.plan(values)[1].items())
        text = Path(place).read_text(encoding="utf-8").rstrip("\n")
        lines = [
            "",
            "",
            f"_made_by = {self.name}  # which may be called as anything below",
            "",
            "",
            "def winner():",
            '    """The network that the search found."""',
            f"    found = _made_by({arguments})",
            f"    found.input_size = {self.input_size!r}",
            "    return found",
            "",
        ]
        return text + "\n" + "\n".join(lines)
