"""A claim: what was printed, where, and how to compute it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

Value = int | float | str
Found = Literal["text", "slide", "spoken", "other notes", "arithmetic", "paper"]
Relation = Literal["=", ">", "<"]

# What a unit's first word multiplies by; bytes are counted as the lecture does, 1 KB = 1024 B.
FACTORS = {"%": 0.01, "k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9, "B": 1, "KB": 2**10, "MB": 2**20, "GB": 2**30}
BYTES = ("B", "KB", "MB", "GB")


@dataclass(frozen=True, kw_only=True)
class Published:
    """A value as it was printed.

    Attributes:
        text: the digits ("14.5"), or words for what is no number.
        unit: its first word may scale ("M MACs", "KB", "%"); computed values come unscaled, in bytes, MACs, parameters.
        relation: "=": that value; ">" and "<": more or less than it.
        within: in printed units, how far off still rounds to it; half of the last digit unless the source says "about".

    """

    text: str
    unit: str = ""
    relation: Relation = "="
    within: float | None = None

    @property
    def factor(self) -> float:
        """How many base units (bytes, MACs, parameters, 1) a printed unit is."""
        return FACTORS.get(self.unit.partition(" ")[0], 1)

    @property
    def value(self) -> float | None:
        """The number, in printed units; None where words were printed."""
        try:
            return float(self.text.replace(",", ""))
        except ValueError:
            return None

    @property
    def precision(self) -> float:
        """One step of the last printed digit, in printed units."""
        decimals = len(self.text.partition(".")[2])
        return float(10**-decimals)

    @property
    def tolerance(self) -> float:
        """How far a computed value may be away, in printed units, and still be this value."""
        return self.precision / 2 if self.within is None else self.within

    def __str__(self) -> str:
        sign = "" if self.relation == "=" else f"{self.relation} "
        return f"{sign}{self.text} {self.unit}".strip()


@dataclass(frozen=True, kw_only=True)
class Claim:
    """One statement of the notes.

    Attributes:
        id: unique, as "alexnet.conv4.macs".
        table: the table of the notes that it is a cell of, with row and column; empty for a statement in the text.
        compute: gives the value in base units. None: nothing in a network's structure decides it; ``why`` says so.
        why_en, why_zh: why it differs, or cannot be computed.

    """

    id: str
    section: str
    text_en: str
    text_zh: str
    published: Published
    compute: Callable[[], Value] | None
    found: Found
    why_en: str = ""
    why_zh: str = ""
    table: tuple[str, str, str] = field(default=("", "", ""))


def printed(text: str, unit: str = "", *, relation: Relation = "=", within: float | None = None) -> Published:
    """A `Published`, in a row of data."""
    return Published(text=text, unit=unit, relation=relation, within=within)


def cell(
    section: str,
    name: str,
    en: str,
    zh: str,
    text: str,
    unit: str,
    compute: Callable[[], Value] | None,
    found: Found = "slide",
    why: tuple[str, str] = ("", ""),
    within: float | None = None,
) -> Claim:
    """A claim as a row of data; ``why`` in English and Chinese."""
    return Claim(
        id=f"{section}.{name}",
        section=section,
        text_en=en,
        text_zh=zh,
        published=printed(text, unit, within=within),
        compute=compute,
        found=found,
        why_en=why[0],
        why_zh=why[1],
    )


more_than = partial(printed, relation=">")
less_than = partial(printed, relation="<")

MEASURED_EN = "a measurement: it needs trained weights and the ImageNet images, which no cost model replaces"
MEASURED_ZH = "这是实测结果：需要训练好的权重和 ImageNet 图像，无法由网络结构算出"
