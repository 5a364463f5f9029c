"""The public function that writes a network to a file which other runtimes load."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..classes import class_names
from ..errors import ConvatlasError
from ..models import Loaded, is_run_folder
from .classifier import INITIAL, sized, with_trained_head
from .counting import loaded_from, size_of

if TYPE_CHECKING:
    from torch import Tensor, nn

    from ..export import Card, Written
    from ..weights import Preprocessing

IMAGENET = 1000  # classes
OWN = "its code's own"
MOST_CALIBRATION_IMAGES = 300
_LIBRARIES = ("torchvision", "timm")
_IMAGE_CHANNELS = (1, 3)


def export(
    model: str | nn.Module,
    path: str | Path,
    *,
    input_size: Sequence[int] | Sequence[Sequence[int]] | None = None,
    weights: str | None = None,
    num_classes: int | None = None,
    classes: Sequence[str] | None = None,
    preprocessing: Preprocessing | None = None,
    calibration: Sequence[str | Path] | None = None,
) -> Written:
    """Write a network to a file, which is loaded again and compared with the network before it takes its place.

    Args:
        model: a word for a network (see `trace`), the folder of a training, or a module, which stays as it is.
        path: of the file: ".onnx" for ONNX, ".pt2" for torch.export, ".xml" for OpenVINO (its weights go into a ".bin" beside it).
            It must not exist.
        input_size: of one sample, as (3, 224, 224); the file takes no other, in batches of any size. Of several inputs that forward
            takes in order, as [(3, 32, 32), (4,)]. None for the network's own.
        weights: "imagenet", an https URL or a file; None for those that its code gives it: initial ones, for a network of the
            zoo or of a library.
        num_classes: of the weights, for a network of the zoo; None for its own.
        classes: names in the order of the logits; None for those that are known, a training's or ImageNet's 1000.
        preprocessing: what an image goes through; None for what is known, or the usual one of ImageNet.
        calibration: image files, folders or patterns to write an ".onnx" in int8 by; the ranges of its activations are those
            that these images have, at most 300 of them. Nine in ten of them must get the network's class.

    Returns:
        `Written`: the path, its size, its card, and by how much it differs from the network at batches 1 and 3.

    Raises:
        ConvatlasError: there is no such network, the file exists or has another ending, a runtime is not installed or cannot
            express an op (with the layer), or what was written computes something else.
    """
    from ..export import write_network

    network, card = described(model, input_size=input_size, weights=weights, num_classes=num_classes)
    if preprocessing is not None:
        card = replace(card, preprocessing=preprocessing)
    if classes is not None:
        card = replace(card, classes=_fitting(tuple(classes), network, card.sizes))
    images = None if calibration is None else _read(calibration, card)
    return write_network(network, Path(path), card, calibration=images)


def _read(places: Sequence[str | Path], card: Card) -> Tensor:
    """Images to calibrate by, spread over those that there are.

    Raises:
        ConvatlasError: one cannot be read, or the network reads none.
    """
    import torch

    from ..images import find_images, read_image, to_input

    if card.preprocessing is None:
        raise ConvatlasError(f"{card.model} does not read square images alone, so there is nothing to calibrate it with")
    found = find_images(map(str, places))
    step = -(-len(found) // MOST_CALIBRATION_IMAGES)
    return torch.stack([to_input(read_image(path, card.input_size[0]), card.preprocessing) for path in found[::step]])


def described(
    model: str | nn.Module,
    *,
    input_size: Sequence[int] | Sequence[Sequence[int]] | None,
    weights: str | None,
    num_classes: int | None,
) -> tuple[nn.Module, Card]:
    """A network with weights, on the CPU, and what is known of it; see `export`.

    Raises:
        ConvatlasError: there is no such network, or something that was given does not go with it.
    """
    from ..export import Card

    sizes = () if input_size is None else _sizes(input_size)
    size = sizes[0] if sizes else None
    if isinstance(model, str) and is_run_folder(model):
        _refuse(f"{model} is a training, whose network is as it was trained", weights=weights, num_classes=num_classes)
        if len(sizes) > 1:
            raise ConvatlasError(
                f"{model} is a training, whose network reads images alone; give one `input_size`, not {len(sizes)}"
            )
        return _of_run(model, size)
    if isinstance(model, str):
        loaded = _of_word(model, weights, num_classes)
    else:
        _refuse("a module is taken with the weights that it has", weights=weights, num_classes=num_classes)
        loaded = loaded_from(model)
    network = loaded.module
    library = isinstance(model, str) and (":" not in model or model.partition(":")[0] in _LIBRARIES)
    card = Card(
        model=model if isinstance(model, str) else type(model).__name__,
        weights=weights or (INITIAL if library else OWN),
        input_size=size_of(loaded) if size is None else size,
        further_sizes=sizes[1:],
    )
    imagenet = model if isinstance(model, str) and weights == "imagenet" else None
    if not card.further_sizes:
        card = replace(card, preprocessing=_usual_preprocessing(imagenet, card.input_size))
    return network, replace(card, classes=class_names(IMAGENET) if library and _logits(network, card.sizes) == IMAGENET else None)


def _sizes(given: Sequence[int] | Sequence[Sequence[int]]) -> tuple[tuple[int, ...], ...]:
    """Of one sample of each input; what is no size is told by the trace."""
    if given and all(isinstance(each, Sequence) for each in given):
        return tuple(tuple(each) for each in given)  # type: ignore[arg-type]
    return (tuple(given),)  # type: ignore[arg-type]


def _of_run(folder: str, size: tuple[int, ...] | None) -> tuple[nn.Module, Card]:
    from ..export import Card
    from ..train import Run

    run = Run.open(folder)
    own = (run.channels, run.preprocessing.crop, run.preprocessing.crop)
    if size is not None and (len(size) != 3 or size[0] != run.channels or size[1] != size[2]):
        raise ConvatlasError(f"`input_size` (={size}) is no size for {folder}, which was trained with {own}")
    return run.network(), Card(
        model=run.job.model,
        weights=f"training {Path(folder).resolve().name}",
        input_size=size or own,
        preprocessing=sized(run.preprocessing, size[1] if size else None),
        classes=tuple(run.classes),
    )


def _of_word(word: str, weights: str | None, num_classes: int | None) -> Loaded:
    from ..models import load
    from ..models.building import weights_allocated
    from ..models.pretrained import load_file
    from ..zoo import REGISTRY

    if word in REGISTRY:
        return Loaded(word, with_trained_head(word, weights, num_classes), REGISTRY[word].input_size)
    _refuse(f"{word} is no network of the zoo", num_classes=num_classes)
    with weights_allocated():
        loaded = load(word)
    if weights is not None:
        load_file(loaded.module, weights)
    return loaded


def _refuse(why: str, **given: object) -> None:
    """Make sure that nothing was given which does not go with the network."""
    for name, value in given.items():
        if value is not None:
            raise ConvatlasError(f"{why}; leave `{name}` (={value}) out")


def _usual_preprocessing(published: str | None, size: tuple[int, ...]) -> Preprocessing | None:
    """As published beside weights, else ImageNet's usual one; None for what is no square image."""
    from ..weights import preprocessing_for

    if len(size) != 3 or size[0] not in _IMAGE_CHANNELS or size[1] != size[2]:
        return None
    found = preprocessing_for(published, size[1])
    return found if found.crop == size[1] else sized(found, size[1])


def _fitting(classes: tuple[str, ...], network: nn.Module, sizes: tuple[tuple[int, ...], ...]) -> tuple[str, ...]:
    if len(classes) != (logits := _logits(network, sizes)):
        makes = "no logits" if logits is None else f"{logits} logits"
        raise ConvatlasError(f"`classes` has {len(classes)} names, and the network makes {makes}")
    return classes


def _logits(network: nn.Module, sizes: tuple[tuple[int, ...], ...]) -> int | None:
    """How many logits a network makes; None if it makes something else."""
    from ..trace import trace

    graph = trace(network, [(1, *size) for size in sizes])
    shape = graph.specs(graph.outputs)[0].shape
    return shape[1] if len(shape) == 2 else None
