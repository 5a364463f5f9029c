"""The registry: which networks exist, and what is published about each."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Concatenate, ParamSpec, TypeVar

from ..accuracy import IMAGENET, ONE_CROP
from ..errors import ConvatlasError
from ..names import unknown_name
from ..paper import Paper
from .network import Network

__all__ = ["REGISTRY", "Entry", "Paper", "build", "entry", "register"]

P = ParamSpec("P")
V = TypeVar("V")
Scaled = Callable[[float, float], Callable[..., Network]]


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One network of the zoo."""

    name: str
    family: str
    build: Callable[..., Network]
    paper: Paper
    summary: str
    input_size: tuple[int, int, int] = (3, 224, 224)
    published: Mapping[str, float] = field(default_factory=dict)  # what the paper states: top1, top5 (percent, accuracy)
    dataset: str = IMAGENET  # that the published figures are of
    evaluation: str = ONE_CROP  # how the paper measured them (see `Accuracy`)
    scaled: Scaled | None = None  # factors of width and depth -> the builder of the scaled network; None where there is no rule

    @property
    def options(self) -> tuple[str, ...]:
        """Names of the keyword arguments that the builder takes."""
        return tuple(inspect.signature(self.build).parameters)


REGISTRY: dict[str, Entry] = {}


def register(
    variants: Mapping[str, V],
    *,
    family: str,
    paper: Paper,
    summary: str,
    input_size: tuple[int, int, int] | Callable[[V], tuple[int, int, int]] = (3, 224, 224),
    published: Mapping[str, Mapping[str, float]] | None = None,
    dataset: str | Callable[[V], str] = IMAGENET,
    evaluation: str = ONE_CROP,
    scaled: Callable[[V, float, float], V] | None = None,
) -> Callable[[Callable[Concatenate[V, P], Network]], Callable[Concatenate[V, P], Network]]:
    """Register one network for each row of ``variants``; the decorated builder takes the row and keyword options.

    ``scaled`` makes of a row the one of a network so many times as wide and as deep.

    Raises:
        ValueError: a name is registered twice, or a published figure names no variant.

    """

    def decorate(builder: Callable[Concatenate[V, P], Network]) -> Callable[Concatenate[V, P], Network]:
        if strangers := set(published or {}) - set(variants):
            raise ValueError(f"{sorted(strangers)} are no variants of {family}")
        for name, variant in variants.items():
            if name in REGISTRY:
                raise ValueError(f"{name!r} is registered twice")
            REGISTRY[name] = Entry(
                name=name,
                family=family,
                build=partial(builder, variant),
                paper=paper,
                summary=summary,
                input_size=input_size(variant) if callable(input_size) else input_size,
                published=(published or {}).get(name, {}),
                dataset=dataset(variant) if callable(dataset) else dataset,
                evaluation=evaluation,
                scaled=scaled and partial(_scaled, builder, variant, scaled),
            )
        return builder

    return decorate


def _scaled(
    builder: Callable[..., Network], variant: V, rule: Callable[[V, float, float], V], width: float, depth: float
) -> Callable[..., Network]:
    return partial(builder, rule(variant, width, depth))


def entry(name: str) -> Entry:
    """Look a network up.

    Raises:
        ConvatlasError: no network has that name; the nearest names are given.

    """
    if name not in REGISTRY:
        raise unknown_name("network", name, REGISTRY, "see `convatlas list`")
    return REGISTRY[name]


def build(name: str, **options: Any) -> Network:
    """Construct a registered network, checking its options.

    Raises:
        ConvatlasError: the network does not exist, or an option does not exist or has an impossible value.

    """
    found = entry(name)
    if strangers := [option for option in options if option not in found.options]:
        raise ConvatlasError(f"{name} takes no option {strangers[0]!r}; it takes {', '.join(found.options)}")
    for option in ("num_classes", "in_channels"):
        value = options.get(option, 1)
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ConvatlasError(f"`{option}` (={value!r}) must be a whole number of at least 1")
    dropout = options.get("dropout", 0.0)
    if not 0.0 <= dropout < 1.0:
        raise ConvatlasError(f"`dropout` (={dropout!r}) must be at least 0 and below 1")
    return found.build(**options)
