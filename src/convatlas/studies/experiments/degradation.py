"""Plain networks get worse with depth on their own training images, and residual ones do not.

The notes' section on ResNet shows Figure 1 of He et al. (2015, arXiv:1512.03385); the networks are those of its Section 4.2.
"""

from __future__ import annotations

from functools import partial

from ..design import Arm, Contrast, Design, Form
from ..networks import residual

DEPTHS = (20, 56)
DESIGN = Design(
    name="degradation",
    title="Do plain networks get worse with depth, and residual ones not?",
    source="notes, ResNet; He et al. 2015, Figures 1 and 6",
    arms=tuple(
        Arm(name=f"{kind}-{depth}", network=partial(residual, depth=depth, width=16, shortcut=kind == "residual"))
        for kind in ("plain", "residual")
        for depth in DEPTHS
    ),
    contrasts=(
        Contrast(
            statement="The deeper plain network has the higher training loss",
            measure="train_loss",
            weights={"plain-56": 1, "plain-20": -1},
            expected="above",
        ),
        Contrast(
            statement="Depth raises the plain network's training loss by more than the residual one's",
            measure="train_loss",
            weights={"plain-56": 1, "plain-20": -1, "residual-56": -1, "residual-20": 1},
            expected="above",
        ),
        Contrast(
            statement="The deeper residual network ends with no higher training loss",
            measure="train_loss",
            weights={"residual-56": 1, "residual-20": -1},
            expected="not above",
        ),
    ),
    quick=Form(images=4096, test_images=2048, size=14, epochs=4, batch=64),
    full=Form(images=None, test_images=None, size=28, epochs=10),
)
