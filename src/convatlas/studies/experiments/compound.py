"""The grid that alpha, beta and gamma are searched on: Tan and Le (2019, arXiv:1905.11946), Section 3.3, step 1.

Each point takes about twice the MACs of a base of 3 blocks a stage, 10 channels and images of the form's size: alpha is how much deeper it
is, beta how much wider, gamma how much larger its images are, and alpha * beta^2 * gamma^2 is 2 as far as whole blocks, channels and
pixels allow. The paper's grid on EfficientNet-B0 ended at 1.2, 1.1 and 1.15.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

from ..design import Arm, Contrast, Design, Form
from ..networks import residual


class Point(NamedTuple):
    """Blocks of a stage, channels of the first one, and pixels of an image's side where the form's is `BASE`'s."""

    blocks: int
    width: int
    side: int

    def factors(self) -> tuple[float, float, float]:
        """Alpha, beta and gamma."""
        return self.blocks / BASE.blocks, self.width / BASE.width, self.side / BASE.side

    @property
    def name(self) -> str:
        """As "a1.33-b1.10-g1.14"."""
        return "-".join(f"{letter}{factor:.2f}" for letter, factor in zip("abg", self.factors(), strict=True))

    @property
    def scaled(self) -> int:
        """How many of the three are scaled."""
        return sum(factor > 1 for factor in self.factors())


BASE = Point(3, 10, 14)
POINTS = (
    Point(6, 10, 14),
    Point(3, 14, 14),
    Point(3, 10, 20),
    Point(3, 11, 18),
    Point(4, 10, 17),
    Point(4, 12, 14),
    Point(4, 11, 15),
    Point(4, 11, 16),
)
PAPERS = POINTS[-1]  # the nearest to 1.2, 1.1, 1.15


def _against(statement: str, better: list[Point], worse: list[Point]) -> Contrast:
    weights = {point.name: 1 / len(better) for point in better} | {point.name: -1 / len(worse) for point in worse}
    return Contrast(statement=statement, measure="val_error_percent", weights=weights, expected="below")


def _with(scaled: int) -> list[Point]:
    return [point for point in POINTS if point.scaled == scaled]


DESIGN = Design(
    name="compound",
    title="Which alpha, beta and gamma scale best at twice the MACs?",
    source="notes, EfficientNet (compound scaling); Tan and Le 2019, Section 3.3",
    arms=tuple(
        Arm(
            name=point.name,
            network=partial(residual, depth=6 * point.blocks + 2, width=point.width),
            side_ratio=point.side / BASE.side,
        )
        for point in POINTS
    ),
    contrasts=(
        _against(
            "The point nearest to the paper's has a lower test error than the grid's others have on average",
            [PAPERS],
            [point for point in POINTS if point != PAPERS],
        ),
        _against("Points that scale all three have a lower test error than those that scale one", _with(3), _with(1)),
        _against("Points that scale all three have a lower test error than those that scale two", _with(3), _with(2)),
        *(
            _against(f"The point nearest to the paper's has a lower test error than scaling {one} alone", [PAPERS], [point])
            for one, point in zip(("depth", "width", "resolution"), _with(1), strict=True)
        ),
    ),
    quick=Form(images=4096, test_images=2048, size=14, epochs=4),
    full=Form(images=None, test_images=None, size=28, epochs=10),
)
