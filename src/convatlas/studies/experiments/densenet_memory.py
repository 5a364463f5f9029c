"""DenseNet's memory is a matter of implementation: the naive one keeps every concatenation for backward.

The notes' section on DenseNet; Pleiss et al. (2017, arXiv:1707.06990). Each run measures single training steps in this machine's
memory and time; its "seeds" are repetitions.
"""

from __future__ import annotations

from functools import partial

from ..design import Arm, Contrast, Design, Form
from ..networks import densenet

DESIGN = Design(
    name="densenet-memory",
    title="How much memory does an efficient DenseNet save, and what time does it take?",
    source="notes, DenseNet; Pleiss et al. 2017, Figure 2",
    measures="step",
    arms=(
        Arm(name="naive", network=partial(densenet, memory_efficient=False)),
        Arm(name="efficient", network=partial(densenet, memory_efficient=True)),
    ),
    contrasts=(
        Contrast(
            statement="The efficient implementation takes less memory at the peak",
            measure="peak_bytes",
            weights={"efficient": 1, "naive": -1},
            expected="below",
        ),
        Contrast(
            statement="The efficient implementation takes more time a step",
            measure="step_milliseconds",
            weights={"efficient": 1, "naive": -1},
            expected="above",
        ),
    ),
    quick=Form(images=None, test_images=None, size=16, epochs=1, batch=16),
    full=Form(images=None, test_images=None, size=32, epochs=1, batch=64),
)
