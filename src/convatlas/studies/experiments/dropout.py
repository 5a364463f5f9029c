"""Dropout in AlexNet's head keeps it from learning its training images by heart: Krizhevsky et al. 2012, Section 4.2."""

from __future__ import annotations

from functools import partial

from ..design import Arm, Contrast, Design, Form
from ..networks import alexnet

DESIGN = Design(
    name="dropout",
    title="Does dropout in AlexNet's head narrow the gap between training and test?",
    source="notes, AlexNet; Krizhevsky et al. 2012, Section 4.2",
    arms=(
        Arm(name="without", network=partial(alexnet, dropout=0.0)),
        Arm(name="dropout-0.5", network=partial(alexnet, dropout=0.5)),
    ),
    contrasts=(
        Contrast(
            statement="Dropout narrows the gap between test and training error",
            measure="error_gap_percent",
            weights={"dropout-0.5": 1, "without": -1},
            expected="below",
        ),
        Contrast(
            statement="Dropout lowers the test error",
            measure="val_error_percent",
            weights={"dropout-0.5": 1, "without": -1},
            expected="below",
        ),
    ),
    quick=Form(images=2048, test_images=2048, size=14, epochs=20, batch=32),
    full=Form(images=None, test_images=None, size=28, epochs=20, batch=32),
    changes={"flip": False, "pad": 0},
)
