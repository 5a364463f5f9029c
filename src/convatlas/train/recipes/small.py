"""Networks for CIFAR's 32 pixels, as their papers trained them."""

from __future__ import annotations

from ..data import Augmentation
from ..recipe import Optimizer, Recipe, Schedule

_PAD = Augmentation(crop="pad", pad=4, flip=True)

SMALL = (
    Recipe(
        name="resnet_cifar",
        summary="64,000 steps of SGD with momentum, the rate divided by 10 at a half and at three quarters.",
        source="He et al. 2015 (arXiv:1512.03385), Section 4.2; ResNet-110 there begins at a rate of 0.01",
        published="top-1 91.25 % (ResNet-20, CIFAR-10 test)",
        gpu_time="two GPUs; no time is stated",
        epochs=164,
        batch=128,
        optimizer=Optimizer(lr=0.1, weight_decay=1e-4),
        schedule=Schedule(shape="steps", milestones=(0.5, 0.75)),
        augmentation=_PAD,
    ),
    Recipe(
        name="densenet_cifar",
        summary="Nesterov SGD, the rate divided by 10 at a half and at three quarters.",
        source="Huang et al. 2016 (arXiv:1608.06993), Section 4.2",
        published="top-1 94.76 % (DenseNet, 40 layers, growth 12, CIFAR-10 with augmentation)",
        epochs=300,
        batch=64,
        optimizer=Optimizer(lr=0.1, nesterov=True, weight_decay=1e-4),
        schedule=Schedule(shape="steps", milestones=(0.5, 0.75)),
        augmentation=_PAD,
    ),
    Recipe(
        name="wide_resnet",
        summary="Nesterov SGD, the rate times 0.2 at 60, 120 and 160 epochs.",
        source="Zagoruyko and Komodakis 2016 (arXiv:1605.07146), Section 3",
        published="top-1 96.00 % (WRN-28-10, CIFAR-10 test)",
        epochs=200,
        batch=128,
        optimizer=Optimizer(lr=0.1, nesterov=True, weight_decay=5e-4),
        schedule=Schedule(shape="steps", milestones=(0.3, 0.6, 0.8), gamma=0.2),
        augmentation=_PAD,
    ),
)
