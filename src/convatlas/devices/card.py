"""Card: what a device's datasheet says. Rates in units a second, sizes in bytes."""

from __future__ import annotations

import json
from dataclasses import MISSING, dataclass, fields
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from ..errors import ConvatlasError
from ..names import natural_key, unknown_name


@dataclass(frozen=True, kw_only=True)
class Card:
    """A device's datasheet.

    Attributes:
        name: as in "rtx4090".
        flops: peak FLOPs a second of matrix products by dtype, dense, accumulated in float32 (on tensor cores where it has them).
        vector_flops: peak FLOPs a second in float32 without tensor cores.
        bandwidth: of the memory, bytes a second.
        l2_bytes: size of the last cache before memory.
        processors: streaming multiprocessors; a CPU's cores.
        clock_hz: boost clock.
        memory_bytes: of the device.
        source: where these figures stand.
        watts: of the whole card at most; 0 where that is not known, and the boost clock is taken to be held.
        bus_bits: width of the memory's bus; 0 where that is not known.

    """

    name: str
    flops: dict[str, float]
    vector_flops: float
    bandwidth: float
    l2_bytes: int
    processors: int
    clock_hz: float
    memory_bytes: int
    source: str
    watts: float = 0
    bus_bits: int = 0

    def peak(self, dtype: str) -> float:
        """Peak FLOPs a second of matrix products in a dtype; the vector units' where the datasheet names none."""
        return self.flops.get(dtype, self.vector_flops)


def list_cards() -> list[str]:
    """The devices whose datasheets are here."""
    return sorted(_datasheets(), key=natural_key)


def card(name: str) -> Card:
    """The datasheet of a device.

    Raises:
        ConvatlasError: there is none of that name; the nearest ones are given.

    """
    sheets = _datasheets()
    if name not in sheets:
        way_out = f"there are datasheets of {', '.join(list_cards())}; give another's as a JSON file (--spec)"
        raise unknown_name("device", name, sheets, way_out)
    return Card(name=name, **sheets[name])


def read_card(path: Path) -> Card:
    """A datasheet from a JSON file with the fields of `Card`.

    Raises:
        ConvatlasError: the file cannot be read, or a field is missing, unknown, or no number above zero.

    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConvatlasError(f"{path}: no datasheet that can be read: {error}") from None
    return card_from(data if isinstance(data, dict) else {}, str(path), path.stem)


def card_from(data: dict[str, Any], place: str, name: str) -> Card:
    """A datasheet from plain data.

    Raises:
        ConvatlasError: a field is missing, unknown, or no number above zero; the message names the place.

    """
    known = {each.name for each in fields(Card)}
    given = {"name": name, "source": place, "flops": {}} | data
    optional = {each.name for each in fields(Card) if each.default is not MISSING}
    if missing := sorted(known - optional - given.keys()):
        raise ConvatlasError(f"{place}: the datasheet lacks {', '.join(missing)}")
    if unknown := sorted(given.keys() - known):
        raise ConvatlasError(f"{place}: a datasheet has no {', '.join(unknown)}; it has {', '.join(sorted(known))}")
    rates = given["flops"] if isinstance(given["flops"], dict) else {"flops": given["flops"]}
    numbers = {**{key: given[key] for key in known & given.keys() - {"name", "source", "flops"}}, **rates}
    for key, value in numbers.items():
        unknown_value = key in optional and value == 0
        if not isinstance(value, int | float) or isinstance(value, bool) or not (value > 0 or unknown_value):
            raise ConvatlasError(f"{place}: {key} is {value!r:.40}, not a number above 0")
    return Card(**given)


@cache
def _datasheets() -> dict[str, dict[str, Any]]:
    text = files("convatlas.devices").joinpath("cards.json").read_text(encoding="utf-8")
    sheets: dict[str, dict[str, Any]] = json.loads(text)
    return sheets
