"""A classifier by a word: a network of the zoo with weights, a training's folder, or an exported file."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..errors import ConvatlasError
from ..models import is_exported_file, is_run_folder

if TYPE_CHECKING:
    from torch import nn

    from ..predict import Classifier
    from ..weights import Preprocessing

INITIAL = "initial"


class UntrainedWarning(UserWarning):
    """A network has the weights that it starts from, so its classes mean nothing."""


def classifier(
    word: str, *, weights: str | None = "imagenet", num_classes: int | None = None, size: int | None = None
) -> Classifier:
    """The classifier that a word stands for.

    Args:
        word: a name of the zoo, a training's folder, or a file that `export` wrote.
        weights: for a name of the zoo: "imagenet" for the published file, an https URL, or a file; None for initial ones.
        num_classes: of those weights; None for the network's own.
        size: of the images in pixels; None for the network's own.

    Raises:
        ConvatlasError: there is no such thing, the weights cannot be had or do not fit, or an exported file takes another size.
    """
    try:
        from ..predict import Classifier
    except ImportError as error:
        if error.name != "PIL":
            raise
        raise ConvatlasError("to read images, Pillow is needed: pip install 'convatlas[predict]'") from None
    if is_exported_file(word):
        return _of_file(word, size)
    if is_run_folder(word):
        from ..train import Run

        run = Run.open(word)
        preprocessing = sized(run.preprocessing, size)
        return Classifier(name=word, logits=run.network(), preprocessing=preprocessing, channels=run.channels, classes=run.classes)
    from ..weights import preprocessing_for
    from ..zoo import entry

    found = entry(word)
    network = with_trained_head(word, weights, num_classes).eval()
    if weights is None:
        warnings.warn(UntrainedWarning(f"{word} has its initial weights, so its classes mean nothing"), stacklevel=2)
    preprocessing = preprocessing_for(word if weights == "imagenet" else None, found.input_size[1])
    return Classifier(name=word, logits=network, preprocessing=sized(preprocessing, size), channels=found.input_size[0])


def _of_file(word: str, size: int | None) -> Classifier:
    from ..export import open_exported
    from ..predict import Classifier

    opened = open_exported(word)
    card = opened.card
    if card.preprocessing is None:
        raise ConvatlasError(f"{word} reads no images: it does not say what they would go through")
    if size not in (None, card.preprocessing.crop):
        raise ConvatlasError(
            f"{word} takes images of {card.preprocessing.crop} pixels, not of {size}; export it with --input for those"
        )
    if card.weights == INITIAL:
        warnings.warn(
            UntrainedWarning(f"{word} holds {card.model} with initial weights, so its classes mean nothing"), stacklevel=3
        )
    return Classifier(name=word, logits=opened, preprocessing=card.preprocessing, channels=card.input_size[0], classes=card.classes)


def sized(preprocessing: Preprocessing, size: int | None) -> Preprocessing:
    """For images of another size: the same share of them is cropped."""
    if size is None:
        return preprocessing
    return replace(preprocessing, resize=round(preprocessing.resize * size / preprocessing.crop), crop=size)


def with_trained_head(word: str, weights: str | None, num_classes: int | None) -> nn.Module:
    """A network of the zoo with weights for as many classes as it has.

    Raises:
        ConvatlasError: the weights have another number of classes, cannot be had or do not fit.
    """
    from ..models.pretrained import create_with_weights
    from ..weights.load import NewHeadWarning

    options: dict[str, Any] = {} if num_classes is None else {"num_classes": num_classes}
    with warnings.catch_warnings():
        warnings.simplefilter("error", NewHeadWarning)  # an untrained classifier predicts nothing
        try:
            return create_with_weights(word, weights, **options)
        except NewHeadWarning as untrained:
            raise ConvatlasError(f"{weights} has another number of classes (`--num-classes`): {untrained}") from None
