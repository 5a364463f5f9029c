"""The classics, as their papers trained them on ImageNet."""

from __future__ import annotations

from ..data import Augmentation
from ..recipe import Optimizer, Recipe, Schedule

# mirrored or not, all of them; the papers' shifts of colour are left out
_CROP = Augmentation(crop="scale", short_side=(256 / 224, 256 / 224), flip=True)
_SCALES = Augmentation(crop="scale", flip=True)
_SHARES = Augmentation(crop="resized", flip=True)

IMAGENET = (
    Recipe(
        name="alexnet",
        summary="SGD with momentum, the rate divided by 10 three times.",
        source="Krizhevsky et al. 2012, Section 5",
        published="top-1 59.3 %, top-5 81.8 % (ILSVRC-2012 validation, one network, mean of 10 crops)",
        gpu_time="five to six days on two GTX 580 of 3 GB",
        epochs=90,
        batch=128,
        optimizer=Optimizer(lr=0.01, weight_decay=5e-4),
        schedule=Schedule(shape="steps", milestones=(0.4, 0.7, 0.9)),  # the paper: by hand, when validation stood still
        augmentation=_CROP,
    ),
    Recipe(
        name="vgg",
        summary="As AlexNet with twice the batch; networks deeper than VGG-11 grew from it (--grow-from).",
        source="Simonyan and Zisserman 2014 (arXiv:1409.1556), Section 3.1",
        published="top-1 74.4 %, top-5 91.9 % (VGG-16, ILSVRC-2012 validation, one scale)",
        gpu_time="two to three weeks on four Titan Black",
        epochs=74,
        batch=256,
        optimizer=Optimizer(lr=0.01, weight_decay=5e-4),
        schedule=Schedule(shape="steps", milestones=(0.4, 0.7, 0.9)),  # the paper: when validation stood still
        augmentation=_SCALES,
    ),
    Recipe(
        name="googlenet",
        summary="SGD with momentum, the rate 4 % less every 8 epochs, averaged weights, auxiliary losses at 0.3.",
        source="Szegedy et al. 2014 (arXiv:1409.4842), Section 6; rate and batch are not stated there",
        published="top-5 89.93 % (ILSVRC-2014 validation, one network, one crop)",
        gpu_time="a week on a few GPUs, as estimated there",
        epochs=250,
        batch=256,
        optimizer=Optimizer(lr=0.01, weight_decay=2e-4),
        schedule=Schedule(shape="exponential", gamma=0.96, every=8),
        augmentation=_SHARES,
        ema=0.9999,
    ),
    Recipe(
        name="resnet",
        summary="SGD with momentum, the rate divided by 10 every 30 epochs.",
        source="He et al. 2015 (arXiv:1512.03385), Section 3.4; epochs as in its authors' torch code",
        published="top-1 77.15 %, top-5 93.29 % (ResNet-50, ILSVRC-2012 validation, mean of 10 crops)",
        epochs=90,
        batch=256,
        optimizer=Optimizer(lr=0.1, weight_decay=1e-4),
        schedule=Schedule(shape="steps", milestones=(1 / 3, 2 / 3)),
        augmentation=_SCALES,
    ),
    Recipe(
        name="resnext",
        summary="As ResNet, the rate divided by 10 three times.",
        source="Xie et al. 2016 (arXiv:1611.05431), Section 4",
        published="top-1 77.8 % (ResNeXt-50 32x4d, ILSVRC-2012 validation, one crop of 224 px)",
        epochs=100,
        batch=256,
        optimizer=Optimizer(lr=0.1, weight_decay=1e-4),
        schedule=Schedule(shape="steps", milestones=(0.3, 0.6, 0.9)),
        augmentation=_SHARES,
    ),
    Recipe(
        name="senet",
        summary="A large batch at a high rate, divided by 10 every 30 epochs.",
        source="Hu et al. 2017 (arXiv:1709.01507), Section 5",
        published="top-1 76.71 %, top-5 93.38 % (SE-ResNet-50, ILSVRC-2012 validation, one crop of 224 px)",
        epochs=100,
        batch=1024,
        optimizer=Optimizer(lr=0.6, weight_decay=1e-4),
        schedule=Schedule(shape="steps", milestones=(0.3, 0.6, 0.9)),
        augmentation=_SHARES,
    ),
    Recipe(
        name="densenet",
        summary="Nesterov SGD, the rate divided by 10 at a third and at two thirds.",
        source="Huang et al. 2016 (arXiv:1608.06993), Section 4.2",
        published="top-1 74.98 %, top-5 92.29 % (DenseNet-121, ILSVRC-2012 validation, one crop)",
        epochs=90,
        batch=256,
        optimizer=Optimizer(lr=0.1, nesterov=True, weight_decay=1e-4),
        schedule=Schedule(shape="steps", milestones=(1 / 3, 2 / 3)),
        augmentation=_SHARES,
    ),
)
