"""What is known of a network's accuracy, with what it depends on: the data set, who states it, how it was measured."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from .weights import Weights, published

IMAGENET, CIFAR10, MNIST = "ImageNet", "CIFAR-10", "MNIST"
ONE_CROP = "one crop"
WHOLE_IMAGES = "whole images"
_USUAL = (ONE_CROP, WHOLE_IMAGES)
THE_PAPER = "the paper"
MARKS = {  # behind a figure in a table -> what it says
    "": "of the weights that can be loaded, on one crop",
    "*": "as the paper states",
    "**": "as the paper states, on more than one crop or larger images",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Accuracy:
    """How many images of a data set's validation or test part are classified rightly.

    Attributes:
        top1, top5: in percent; None where it is not stated.
        dataset: figures on different ones cannot be compared.
        source: `THE_PAPER`, or whose weights reach it.
        evaluation: what of an image was looked at: "one crop of 224 px", "ten crops", "whole images".

    """

    top1: float | None
    top5: float | None
    dataset: str
    source: str
    evaluation: str

    @property
    def mark(self) -> str:
        """A key of `MARKS`."""
        return "" if self.source != THE_PAPER else "*" if self.evaluation in _USUAL else "**"

    @property
    def shown(self) -> str:
        """The top-1 figure as tables show it, with its mark."""
        return "" if self.top1 is None else f"{percent(self.top1)}{self.mark}"

    @property
    def origin(self) -> str:
        """Its source and how it was measured, in words."""
        return f"{self.source}, {self.evaluation}"

    @property
    def in_words(self) -> str:
        """As "top-1 71.59 %, top-5 90.38 % on ImageNet"."""
        figures = (("top-1", self.top1), ("top-5", self.top5))
        return ", ".join(f"{name} {percent(value)} %" for name, value in figures if value is not None) + f" on {self.dataset}"


def percent(value: float) -> str:
    """A percentage with one decimal, or two where they are known: papers state "74.4", evaluations 71.592."""
    return f"{value:.2f}".removesuffix("0")


def of_weights(weights: Weights | None) -> Accuracy | None:
    """What the publisher states of a weight file."""
    if weights is None or weights.top1 is None:
        return None
    crop = f"one crop of {weights.preprocessing.crop} px"
    return Accuracy(top1=weights.top1, top5=weights.top5, dataset=IMAGENET, source=weights.source, evaluation=crop)


def of_paper(figures: Mapping[str, float], dataset: str, evaluation: str) -> Accuracy | None:
    """What a paper states: "top1", "top5"."""
    if not figures:
        return None
    return Accuracy(
        top1=figures.get("top1"), top5=figures.get("top5"), dataset=dataset, source=THE_PAPER, evaluation=evaluation
    )  # fmt: skip


def known_of(name: str, stated: Accuracy | None) -> Accuracy | None:
    """The accuracy of the weights of a network of the zoo, which one can load and test; else what its paper states."""
    return of_weights(published(name)) or stated


def rank(accuracy: Accuracy | None) -> tuple[bool, str, bool, float]:
    """A key that sorts by top-1 within each data set: ImageNet, then the others, then what has no figure; the best first."""
    if accuracy is None:
        return (True, "~", True, 0.0)
    return (accuracy.dataset != IMAGENET, accuracy.dataset, accuracy.top1 is None, -(accuracy.top1 or 0.0))


def best_of(accuracies: Iterable[Accuracy | None]) -> dict[str, float]:
    """The best top-1 of each data set on which two or more have one: of a single figure nothing is the best."""
    found: dict[str, list[float]] = {}
    for accuracy in accuracies:
        if accuracy is not None and accuracy.top1 is not None:
            found.setdefault(accuracy.dataset, []).append(accuracy.top1)
    return {dataset: max(values) for dataset, values in found.items() if len(values) > 1}


def legend(accuracies: Iterable[Accuracy | None]) -> str:
    """What the marks of these figures say; where they differ, that the figures were not measured alike."""
    present = {accuracy.mark for accuracy in accuracies if accuracy is not None and accuracy.top1 is not None}
    said = [f"{mark}: {text}" if mark else text for mark, text in MARKS.items() if mark in present]
    return "; ".join(said) + (" (measured differently, so small differences say little)" if len(said) > 1 else "")
