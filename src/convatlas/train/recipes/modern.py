"""The recipe that is used where none is named."""

from __future__ import annotations

from ..data import Augmentation
from ..recipe import Optimizer, Recipe, Schedule

MODERN = Recipe(
    name="modern",
    summary="Nesterov SGD, one cosine after a warm-up, label smoothing, averaged weights, no decay on norms and biases.",
    source='convatlas; its parts from "Bag of Tricks" (He et al. 2018, arXiv:1812.01187)',
    epochs=30,
    batch=128,
    optimizer=Optimizer(lr=0.2, nesterov=True, weight_decay=5e-4, decay_norms=False),
    schedule=Schedule(shape="cosine", warmup=2),
    augmentation=Augmentation(crop="resized", area=(0.25, 1.0), flip=True),
    label_smoothing=0.1,
    ema=0.999,
)
