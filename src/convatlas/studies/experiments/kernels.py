"""Two 3x3 convolutions see what one 5x5 sees, cost less, and bend twice: the notes' section on VGG.

Simonyan and Zisserman (2014, arXiv:1409.1556), Section 2.3. Where a stage doubles its channels the 5x5 does so in one step, so
over the whole network the two cost about the same; the rows tell each one's MACs.
"""

from __future__ import annotations

from functools import partial

from ..design import Arm, Contrast, Design, Form
from ..networks import kernels

DESIGN = Design(
    name="kernels",
    title="Are two 3x3 convolutions better than one 5x5?",
    source="notes, VGG (design); Simonyan and Zisserman 2014, Section 2.3",
    arms=(
        Arm(name="5x5", network=partial(kernels, kernel=5, repeats=1)),
        Arm(name="3x3-3x3", network=partial(kernels, kernel=3, repeats=2)),
    ),
    contrasts=(
        Contrast(
            statement="Two 3x3 convolutions train to a lower loss than one 5x5",
            measure="train_loss",
            weights={"3x3-3x3": 1, "5x5": -1},
            expected="below",
        ),
        Contrast(
            statement="Two 3x3 convolutions have the lower test error",
            measure="val_error_percent",
            weights={"3x3-3x3": 1, "5x5": -1},
            expected="below",
        ),
    ),
    quick=Form(images=8192, test_images=2048, size=14, epochs=6),
    full=Form(images=None, test_images=None, size=28, epochs=10),
)
