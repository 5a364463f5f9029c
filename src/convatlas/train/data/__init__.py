"""Data to train on: found, split and checked by ``open_data``, made into batches by ``Loader``.

    data = open_data("photos/", seed=0)                  # Data: .train .val .classes .channels .size .fingerprint .record()
    preprocessing = data.preprocessing(size=224, channels=3)
    loader = Loader(
        data.train, classes=len(data.classes), batch=64, channels=3, preprocessing=preprocessing,
        seed=0, training=True, augmentation=Augmentation(crop="resized", flip=True), workers=2, rank=0, world=1,
    )
    for batch in loader.epoch(3, start=640):             # Batch: .pixels .labels .targets .indexes .count .total
        ...

The position in the data is (epoch, images of it that were seen): ``start`` + the sum of ``batch.total``. Images come through
``convatlas.images``, as prediction's do: the ``Preprocessing`` with which a loader validates, kept with the network, gives
prediction the same pixels. ``Images.read(index, channels)`` gives one as a picture, for a report.
"""

from .augmentation import Augmentation
from .batch import NO_LABEL, Batch
from .data import Data, class_weights
from .errors import DataError
from .images import Images
from .loader import Loader
from .open import open_data, open_images

__all__ = [
    "NO_LABEL",
    "Augmentation",
    "Batch",
    "Data",
    "DataError",
    "Images",
    "Loader",
    "class_weights",
    "open_data",
    "open_images",
]
