"""Normalising and activating before the convolutions trains deep networks better: He et al. 2016, arXiv:1603.05027, Tables 2 and 3."""

from __future__ import annotations

from functools import partial

from ..design import Arm, Contrast, Design, Form
from ..networks import preactivated, residual

DEPTH = 56
DESIGN = Design(
    name="preactivation",
    title="Does pre-activation help a deep residual network?",
    source="notes, ResNet; He et al. 2016, Tables 2 and 3 (110 to 1001 layers)",
    arms=(
        Arm(name="original", network=partial(residual, depth=DEPTH)),
        Arm(name="pre-activation", network=partial(preactivated, depth=DEPTH)),
    ),
    contrasts=(
        Contrast(
            statement="Pre-activation ends with the lower training loss",
            measure="train_loss",
            weights={"pre-activation": 1, "original": -1},
            expected="below",
        ),
        Contrast(
            statement="Pre-activation ends with the lower test error",
            measure="val_error_percent",
            weights={"pre-activation": 1, "original": -1},
            expected="below",
        ),
    ),
    quick=Form(images=4096, test_images=2048, size=14, epochs=4),
    full=Form(images=None, test_images=None, size=28, epochs=10),
)
