"""Before batch normalisation VGG-16 was hard to train, so it was grown from VGG-11.

The notes' section on VGG; Simonyan and Zisserman (2014, arXiv:1409.1556), Section 3.1; Ioffe and Szegedy (2015, arXiv:1502.03167).
"""

from __future__ import annotations

from functools import partial

from ..design import Arm, Contrast, Design, Form
from ..networks import vgg

DESIGN = Design(
    name="batchnorm",
    title="Does a deep VGG need batch normalisation, or growing?",
    source="notes, VGG (how it was trained); Simonyan and Zisserman 2014, Section 3.1",
    arms=(
        *(
            Arm(name=f"vgg{depth}{'-bn' if norm else ''}", network=partial(vgg, depth=depth, batch_norm=norm))
            for norm in (False, True)
            for depth in (11, 16)
        ),
        Arm(name="vgg16-grown", network=partial(vgg, depth=16, batch_norm=False), grown_from="vgg11"),
    ),
    contrasts=(
        Contrast(
            statement="Without batch normalisation VGG-16 trains worse than VGG-11",
            measure="train_loss",
            weights={"vgg16": 1, "vgg11": -1},
            expected="above",
        ),
        Contrast(
            statement="Batch normalisation lowers VGG-16's training loss",
            measure="train_loss",
            weights={"vgg16-bn": 1, "vgg16": -1},
            expected="below",
        ),
        Contrast(
            statement="VGG-16 grown from a trained VGG-11 trains better than from scratch",
            measure="train_loss",
            weights={"vgg16-grown": 1, "vgg16": -1},
            expected="below",
        ),
    ),
    quick=Form(images=8192, test_images=2048, size=14, epochs=6, batch=32),
    full=Form(images=None, test_images=None, size=28, epochs=10, batch=64),
)
