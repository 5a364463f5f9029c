"""What a file says of its network beside the weights: what it reads, what its images go through, its classes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from ..errors import ConvatlasError
from ..weights import Preprocessing

_LARGEST_SIDE = 8192
_INTERPOLATIONS = ("bilinear", "bicubic", "nearest")
_WRITTEN = "convatlas_card"
_VERSION = "1"


@dataclass(frozen=True, kw_only=True, slots=True)
class Card:
    """A network's card, which travels in its file as strings by name.

    Attributes:
        model: the word that it was asked for by.
        weights: where its weights are from; "none" for those that its code gives it.
        input_size: of one sample, (C, H, W); of its first input.
        further_sizes: of one sample of its other inputs, in forward's order.
        preprocessing: what an image goes through before it; None where the network reads no images.
        classes: their names in the order of the logits; None where they have none.
        precision: of its arithmetic, "fp32" or "int8".
    """

    model: str
    weights: str
    input_size: tuple[int, ...]
    preprocessing: Preprocessing | None = None
    classes: tuple[str, ...] | None = None
    precision: str = "fp32"
    further_sizes: tuple[tuple[int, ...], ...] = ()

    @property
    def sizes(self) -> tuple[tuple[int, ...], ...]:
        """Of one sample of each input."""
        return self.input_size, *self.further_sizes

    def to_strings(self) -> dict[str, str]:
        """As strings by name: texts as they are, the rest as JSON."""
        values = {key: value for key, value in asdict(self).items() if value is not None}
        texts = {key: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False) for key, value in values.items()}
        return texts | {_WRITTEN: _VERSION}

    @classmethod
    def from_strings(cls, texts: Mapping[str, str], name: str) -> Card:
        """The card among the strings of the file ``name``.

        Raises:
            ConvatlasError: there is none, or it is damaged.
        """
        if _WRITTEN not in texts:
            raise ConvatlasError(
                f"{name} does not say what its images go through: it was not written by `convatlas export`, and a guess would give "
                "wrong classes"
            )
        try:
            return cls(
                model=texts["model"],
                weights=texts["weights"],
                input_size=_sides(json.loads(texts["input_size"])),
                preprocessing=_preprocessing(json.loads(texts["preprocessing"])) if "preprocessing" in texts else None,
                classes=tuple(map(str, json.loads(texts["classes"]))) if "classes" in texts else None,
                precision=texts["precision"],
                further_sizes=tuple(_sides(sides) for sides in json.loads(texts.get("further_sizes", "[]"))),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ConvatlasError(f"{name}: what it says of its network is damaged: {type(error).__name__}: {error}") from error


def _sides(values: Any) -> tuple[int, ...]:
    sides = tuple(int(value) for value in values)
    if not sides or not all(1 <= side <= _LARGEST_SIDE for side in sides):
        raise ConvatlasError(f"no size of an image: {values!r:.60}")
    return sides


def _preprocessing(values: Mapping[str, Any]) -> Preprocessing:
    """Checked, since an image is resized by it."""
    found = Preprocessing(
        resize=_sides([values["resize"]])[0],
        crop=_sides([values["crop"]])[0],
        mean=tuple(map(float, values["mean"])),
        std=tuple(map(float, values["std"])),
        interpolation=str(values["interpolation"]),
    )
    if found.interpolation not in _INTERPOLATIONS:
        raise ConvatlasError(f"no preprocessing: {dict(values)!r:.100}")
    return found
