"""Mobile networks, as their papers trained them on ImageNet."""

from __future__ import annotations

from ..data import Augmentation
from ..recipe import Optimizer, Recipe, Schedule

_MILD = Augmentation(crop="resized", area=(0.25, 1.0), flip=True)  # small networks underfit: less of it than large ones get
_SHARES = Augmentation(crop="resized", flip=True)

MOBILE = (
    Recipe(
        name="mobilenet",
        summary="RMSprop with momentum, the rate 2 % less every epoch.",
        source="Sandler et al. 2018 (arXiv:1801.04381), Section 6.1; epochs are not stated there",
        published="top-1 72.0 % (MobileNetV2, ILSVRC-2012 validation)",
        gpu_time="16 GPUs working asynchronously, 96 images each; no time is stated",
        epochs=300,
        batch=96,
        optimizer=Optimizer(kind="rmsprop", lr=0.045, smoothing=0.9, eps=1.0, weight_decay=4e-5, decay_norms=False),
        schedule=Schedule(shape="exponential", gamma=0.98, every=1),
        augmentation=_MILD,
        ema=0.9999,
    ),
    Recipe(
        name="mobilenet_v3",
        summary="RMSprop with momentum, the rate 1 % less every 3 epochs, averaged weights.",
        source="Howard et al. 2019 (arXiv:1905.02244), Section 6.1.1; epochs are not stated there",
        published="top-1 75.2 % (MobileNetV3-Large, ILSVRC-2012 validation)",
        gpu_time="4x4 TPU pod; no time is stated",
        epochs=600,
        batch=4096,
        optimizer=Optimizer(kind="rmsprop", lr=0.1, smoothing=0.9, eps=1.0, weight_decay=1e-5, decay_norms=False),
        schedule=Schedule(shape="exponential", gamma=0.99, every=3),
        augmentation=_SHARES,
        ema=0.9999,
    ),
    Recipe(
        name="shufflenet",
        summary="SGD with momentum, a large batch, the rate down to zero in a straight line.",
        source="Zhang et al. 2017 (arXiv:1707.01083), Section 4; also Ma et al. 2018 (arXiv:1807.11164)",
        published="top-1 67.6 % (ShuffleNet 1x, 3 groups, ILSVRC-2012 validation, one crop)",
        gpu_time="one to two days on 4 GPUs",
        epochs=240,
        batch=1024,
        optimizer=Optimizer(lr=0.5, weight_decay=4e-5),
        schedule=Schedule(shape="linear"),
        augmentation=_MILD,
    ),
    Recipe(
        name="efficientnet",
        summary="RMSprop with momentum, the rate 3 % less every 2.4 epochs, label smoothing, averaged weights.",
        source="Tan and Le 2019 (arXiv:1905.11946), Section 5.2; batch and epochs as in its authors' code",
        published="top-1 77.1 %, top-5 93.3 % (EfficientNet-B0, ILSVRC-2012 validation, one crop; with AutoAugment)",
        epochs=350,
        batch=4096,
        optimizer=Optimizer(kind="rmsprop", lr=0.256, smoothing=0.9, eps=1e-3, weight_decay=1e-5, decay_norms=False),
        schedule=Schedule(shape="exponential", gamma=0.97, every=2.4, warmup=5),
        augmentation=_SHARES,
        label_smoothing=0.1,
        ema=0.9999,
    ),
)
