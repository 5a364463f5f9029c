"""At equal MACs depthwise separable convolutions are more accurate, and slower: few MACs do not mean little time.

The notes' sections on MobileNet and on the measures; Howard et al. (2017, arXiv:1704.04861), Table 4. The widths make the MACs equal
within 5 %.
"""

from __future__ import annotations

from functools import partial

from ..design import Arm, Contrast, Design, Form
from ..networks import separable

DESIGN = Design(
    name="depthwise",
    title="What do depthwise separable convolutions give, and take, at equal MACs?",
    source="notes, MobileNet; Howard et al. 2017, Table 4",
    arms=(
        Arm(name="dense", network=partial(separable, depthwise=False, width=16)),
        Arm(name="depthwise", network=partial(separable, depthwise=True, width=44)),
    ),
    contrasts=(
        Contrast(
            statement="Depthwise separable convolutions have the lower test error at equal MACs",
            measure="val_error_percent",
            weights={"depthwise": 1, "dense": -1},
            expected="below",
        ),
        Contrast(
            statement="Depthwise separable convolutions take more time an image at equal MACs",
            measure="microseconds_per_image",
            weights={"depthwise": 1, "dense": -1},
            expected="above",
        ),
    ),
    quick=Form(images=4096, test_images=2048, size=14, epochs=6),
    full=Form(images=None, test_images=None, size=28, epochs=10),
)
