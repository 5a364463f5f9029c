"""The catalogue: what every network of the zoo costs at its default input, read from a file, without torch.

It is generated (``python -m convatlas.catalogue``) from the zoo by the same rules that count any other network: batch 1,
float32, evaluation.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any

from ..accuracy import Accuracy, known_of, of_paper
from ..analysis.cost import GroupCost
from ..analysis.memory import THREADS, TRAINING_BATCH
from ..analysis.summary import FinalField, Summary
from ..graph import TensorSpec
from ..names import matching, unknown_name
from ..paper import Paper

FILE = Path(__file__).parent.parent / "data" / "catalogue.json"
GROUP_FIELDS = tuple(field.name for field in fields(GroupCost))
TRAINING_DEVICES = ("cpu", "cuda")
TRAINING_PRECISIONS = ("fp32", "amp")
TRAINING = f"a simulated training step at batch {TRAINING_BATCH}, SGD with momentum, on a CPU with {THREADS} threads and on CUDA: the most bytes in use at once"
_SCALARS = ("params", "macs", "elementwise", "activation_bytes", "bytes_read", "bytes_written", "uncounted")


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogueEntry:
    """What is known of one network: where it was published, what that paper states, and what it costs."""

    name: str
    family: str
    paper: Paper
    introduces: str
    published: Mapping[str, float]  # what the paper states: top1, top5 (percent, accuracy)
    dataset: str  # that they are of
    evaluation: str  # how the paper measured them
    cost: Summary
    training_bytes: Mapping[str, Mapping[str, int]]  # device -> precision -> peak of a training step, see `TRAINING`

    @property
    def input_size(self) -> tuple[int, ...]:
        """Default input (C, H, W)."""
        return self.cost.input_shape[1:]

    @property
    def stated(self) -> Accuracy | None:
        """The accuracy that the paper states."""
        return of_paper(self.published, self.dataset, self.evaluation)

    @property
    def accuracy(self) -> Accuracy | None:
        """Of the weights that can be loaded, else what the paper states."""
        return known_of(self.name, self.stated)

    def to_json(self) -> dict[str, Any]:
        """The entry as plain data; a group is a row of `GROUP_FIELDS`."""
        cost = self.cost
        field = cost.receptive_field
        return {
            "family": self.family,
            "paper": {key: getattr(self.paper, key) for key in ("title", "authors", "year", "url")},
            "introduces": self.introduces,
            "published": dict(self.published),
            "dataset": self.dataset,
            "evaluation": self.evaluation,
            "input_shape": list(cost.input_shape),
            **{key: getattr(cost, key) for key in _SCALARS},
            "receptive_field": field and {"size": field.size, "stride": field.stride, "sees_all": field.sees_all},
            "training_bytes": {device: dict(peaks) for device, peaks in self.training_bytes.items()},
            "stages": [[getattr(group, key) for key in GROUP_FIELDS] for group in cost.stages],
            "ops": [[getattr(group, key) for key in GROUP_FIELDS] for group in cost.ops],
        }


def entries() -> Mapping[str, CatalogueEntry]:
    """All entries by name, in natural order of the names."""
    return {name: lookup(name) for name in list_models()}


@cache
def lookup(name: str) -> CatalogueEntry:
    """The entry of one network.

    Raises:
        ConvatlasError: no network has that name; the nearest names are given.

    """
    data = _read()
    if name not in data:
        raise unknown_name("network", name, data, "see `convatlas list`")
    return _entry(name, data[name])


def accuracy_of(name: str) -> Accuracy | None:
    """What is known of a network's accuracy; None for networks that the zoo has not."""
    return lookup(name).accuracy if name in _read() else None


def list_models(pattern: str = "*") -> list[str]:
    """Names of the zoo's networks that a shell-style pattern matches ("resnet*"), in natural order."""
    return matching(_read(), pattern)


def families() -> list[str]:
    """The zoo's families, in alphabetical order."""
    return sorted({network["family"] for network in _read().values()})


@cache
def _read() -> dict[str, Any]:
    networks: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))["networks"]
    return networks


def _entry(name: str, data: dict[str, Any]) -> CatalogueEntry:
    field = data["receptive_field"]
    return CatalogueEntry(
        name=name,
        family=data["family"],
        paper=Paper(**data["paper"]),
        introduces=data["introduces"],
        published=data["published"],
        dataset=data["dataset"],
        evaluation=data["evaluation"],
        training_bytes=data["training_bytes"],
        cost=Summary(
            name=name,
            inputs=(TensorSpec(tuple(data["input_shape"])),),
            batch_axis=True,
            training=False,
            **{key: data[key] for key in _SCALARS},
            receptive_field=field
            and FinalField(size=tuple(field["size"]), stride=tuple(field["stride"]), sees_all=field["sees_all"]),
            stages=_groups(data["stages"]),
            ops=_groups(data["ops"]),
        ),
    )


def _groups(rows: list[list[Any]]) -> tuple[GroupCost, ...]:
    return tuple(GroupCost(**dict(zip(GROUP_FIELDS, (*row[:-1], tuple(row[-1])), strict=True))) for row in rows)
