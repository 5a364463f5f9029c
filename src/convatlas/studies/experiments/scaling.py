"""Scaling depth, width and resolution together beats scaling one of them: Tan and Le (2019, arXiv:1905.11946), Figure 8.

Each scaled network has about twice the MACs of the base; the rows tell how many.
"""

from __future__ import annotations

from functools import partial

from ..design import Arm, Contrast, Design, Form
from ..networks import residual

ONE = ("depth", "width", "resolution")
DESIGN = Design(
    name="scaling",
    title="Is it better to scale depth, width and resolution together?",
    source="notes, EfficientNet (compound scaling); Tan and Le 2019, Figure 8",
    arms=(
        Arm(name="base", network=partial(residual, depth=14, width=12)),
        Arm(name="depth", network=partial(residual, depth=26, width=12)),
        Arm(name="width", network=partial(residual, depth=14, width=17)),
        Arm(name="resolution", network=partial(residual, depth=14, width=12), side_ratio=2**0.5),
        Arm(name="all-three", network=partial(residual, depth=20, width=13), side_ratio=1.05),
    ),
    contrasts=(
        Contrast(
            statement="Scaling all three has a lower test error than scaling one has on average, at equal MACs",
            measure="val_error_percent",
            weights={"all-three": 1, **dict.fromkeys(ONE, -1 / 3)},
            expected="below",
        ),
        *(
            Contrast(
                statement=f"Scaling all three has a lower test error than scaling {one} alone",
                measure="val_error_percent",
                weights={"all-three": 1, one: -1},
                expected="below",
            )
            for one in ONE
        ),
    ),
    quick=Form(images=4096, test_images=2048, size=14, epochs=4),
    full=Form(images=None, test_images=None, size=20, epochs=10),
)
