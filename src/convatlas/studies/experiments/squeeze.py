"""Squeeze-and-excitation makes a residual network more accurate: Hu et al. (2017, arXiv:1709.01507), the notes' section on SENet."""

from __future__ import annotations

from functools import partial

from ..design import Arm, Contrast, Design, Form
from ..networks import residual

DESIGN = Design(
    name="squeeze",
    title="Does squeeze-and-excitation help?",
    source="notes, SENet; Hu et al. 2017, Table 4 (CIFAR-10)",
    arms=(
        Arm(name="residual-20", network=partial(residual, depth=20)),
        Arm(name="se-residual-20", network=partial(residual, depth=20, reduction=4)),
    ),
    contrasts=(
        Contrast(
            statement="Squeeze-and-excitation lowers the training loss",
            measure="train_loss",
            weights={"se-residual-20": 1, "residual-20": -1},
            expected="below",
        ),
        Contrast(
            statement="Squeeze-and-excitation lowers the test error",
            measure="val_error_percent",
            weights={"se-residual-20": 1, "residual-20": -1},
            expected="below",
        ),
    ),
    quick=Form(images=4096, test_images=2048, size=14, epochs=6),
    full=Form(images=None, test_images=None, size=28, epochs=10),
)
