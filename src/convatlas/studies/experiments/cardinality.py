"""At equal MACs, more groups are more accurate: Xie et al. (2016, arXiv:1611.05431), Table 3; the notes' section on ResNeXt."""

from __future__ import annotations

from functools import partial

from ..design import Arm, Contrast, Design, Form
from ..networks import bottlenecks

SETTINGS = {1: 64, 2: 40, 4: 24, 8: 14}  # groups -> width of a group for a stage of 64: the paper's equal-cost series
DESIGN = Design(
    name="cardinality",
    title="Are more groups better at equal MACs?",
    source="notes, ResNeXt; Xie et al. 2016, Table 3",
    arms=tuple(
        Arm(name=f"{groups}x{width}d", network=partial(bottlenecks, groups=groups, base_width=width))
        for groups, width in SETTINGS.items()
    ),
    contrasts=(
        Contrast(
            statement="The training loss is lower with 8 groups than with 1, at equal MACs",
            measure="train_loss",
            weights={"8x14d": 1, "1x64d": -1},
            expected="below",
        ),
        Contrast(
            statement="The test error is lower with 8 groups than with 1, at equal MACs",
            measure="val_error_percent",
            weights={"8x14d": 1, "1x64d": -1},
            expected="below",
        ),
    ),
    quick=Form(images=2048, test_images=2048, size=14, epochs=4),
    full=Form(images=None, test_images=None, size=28, epochs=10),
)
