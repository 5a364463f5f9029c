"""Every shortcut that is not the identity trains worse: He et al. 2016, arXiv:1603.05027, Table 1 (there with 110 layers).

`exclusive-gate` is the form of a highway layer (Srivastava et al. 2015, arXiv:1505.00387): x (1 - g) + F(x) g.
"""

from __future__ import annotations

from functools import partial

from ..design import Arm, Contrast, Design, Form
from ..networks import residual, with_shortcut

DEPTH = 32
MEANS = {
    "scaled": "Halving the shortcut",
    "scaled_both": "Halving shortcut and residual",
    "exclusive_gate": "An exclusive gate, as in a highway network,",
    "shortcut_gate": "A gate on the shortcut alone",
    "conv": "A 1x1 convolution as the shortcut",
    "dropout": "Dropout on the shortcut",
}
DESIGN = Design(
    name="shortcuts",
    title="Is the identity the best shortcut?",
    source="notes, ResNet and Highway; He et al. 2016, Table 1",
    arms=(
        Arm(name="identity", network=partial(residual, depth=DEPTH)),
        *(Arm(name=means, network=partial(with_shortcut, means=means, depth=DEPTH)) for means in MEANS),
    ),
    contrasts=tuple(
        Contrast(
            statement=f"{words} trains to a higher loss than the identity",
            measure="train_loss",
            weights={means: 1, "identity": -1},
            expected="above",
        )
        for means, words in MEANS.items()
    ),
    quick=Form(images=2048, test_images=2048, size=14, epochs=4),
    full=Form(images=None, test_images=None, size=28, epochs=10),
)
