"""Auxiliary classifiers help a deep network converge, and with batch normalisation they are not needed.

The notes' section on GoogLeNet; Szegedy et al. (2014, arXiv:1409.4842), Section 5; both losses weigh 0.3.
"""

from __future__ import annotations

from functools import partial

from ..design import Arm, Contrast, Design, Form
from ..networks import googlenet

DESIGN = Design(
    name="auxiliary",
    title="Do auxiliary classifiers help, and do they still with batch normalisation?",
    source="notes, GoogLeNet (auxiliary classifiers); Szegedy et al. 2014, Section 5",
    arms=tuple(
        Arm(
            name=f"{'auxiliary' if auxiliary else 'alone'}{'-bn' if norm else ''}",
            network=partial(googlenet, auxiliary=auxiliary, batch_norm=norm),
        )
        for norm in (False, True)
        for auxiliary in (False, True)
    ),
    contrasts=(
        Contrast(
            statement="Without batch normalisation, auxiliary classifiers lower the training error",
            measure="train_error_percent",
            weights={"auxiliary": 1, "alone": -1},
            expected="below",
        ),
        Contrast(
            statement="With batch normalisation they lower it by less",
            measure="train_error_percent",
            weights={"auxiliary-bn": 1, "alone-bn": -1, "auxiliary": -1, "alone": 1},
            expected="above",
        ),
    ),
    quick=Form(images=4096, test_images=2048, size=14, epochs=4),
    full=Form(images=None, test_images=None, size=28, epochs=10),
)
