"""What a study is: a table of arms, how large its runs are, and what the notes say of their differences. Data, no code to run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from torch import nn

Measure = Literal[
    "train_loss",
    "train_error_percent",
    "val_loss",
    "val_error_percent",
    "error_gap_percent",
    "microseconds_per_image",
    "peak_bytes",
    "step_milliseconds",
]
MEASURES: Mapping[Measure, str] = {
    "train_loss": "training loss, mean of the last epoch",
    "train_error_percent": "error on the training images (%)",
    "val_loss": "loss on the test images",
    "val_error_percent": "error on the test images (%)",
    "error_gap_percent": "error on the test images less that on the training images (%)",
    "microseconds_per_image": "measured time an image, forward (us)",
    "peak_bytes": "measured peak of a training step (bytes)",
    "step_milliseconds": "measured time of a training step (ms)",
}
Expected = Literal["above", "below", "not above"]


@dataclass(frozen=True, kw_only=True)
class Arm:
    """One row of the table: a network, and what is its own in how it is trained.

    Attributes:
        name: as rows and figures show it.
        network: (in_channels, num_classes) -> the network, initialised.
        side_ratio: of the images' side to the form's; the product is rounded.
        grown_from: the arm whose trained layers it starts from, see `train.growing`.

    """

    name: str
    network: Callable[[int, int], nn.Module]
    side_ratio: float = 1.0
    grown_from: str | None = None


@dataclass(frozen=True, kw_only=True)
class Form:
    """How large the runs are.

    Attributes:
        images: of the training set, the first in an order drawn by a seed of its own; None is all.
        test_images: the same of the test set.
        size: pixels of the images' side.

    """

    images: int | None
    test_images: int | None
    size: int
    epochs: int
    batch: int = 128


@dataclass(frozen=True, kw_only=True)
class Contrast:
    """One statement of the notes, as the sign of a weighted sum over arms of one measure.

    Attributes:
        statement: in words, as "deeper plain networks train worse".
        measure: which figure of the rows is summed.
        weights: arm -> weight; they sum to 0.
        expected: the sign by the notes; "not above" is contradicted by an interval above 0, seen in one below it.

    """

    statement: str
    measure: Measure
    weights: Mapping[str, float]
    expected: Expected

    def __post_init__(self) -> None:
        assert abs(sum(self.weights.values())) < 1e-9, self.statement


@dataclass(frozen=True, kw_only=True)
class Design:
    """A study.

    Attributes:
        name: as the command takes it.
        title: what it asks, in one line.
        source: the notes' section and the paper's table or figure.
        measures: "training" trains each arm; "step" measures single training steps, of peak memory and time.
        changes: to the recipe, for all arms.

    """

    name: str
    title: str
    source: str
    arms: tuple[Arm, ...]
    contrasts: tuple[Contrast, ...]
    quick: Form
    full: Form
    measures: Literal["training", "step"] = "training"
    changes: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        names = [arm.name for arm in self.arms]
        assert len(set(names)) == len(names), names
        asked = {name for contrast in self.contrasts for name in contrast.weights}
        asked |= {arm.grown_from for arm in self.arms if arm.grown_from}
        assert asked <= set(names), asked - set(names)

    def arm(self, name: str) -> Arm:
        """The arm of that name."""
        return next(arm for arm in self.arms if arm.name == name)
