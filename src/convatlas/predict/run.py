"""Predictions for many images, in batches; a damaged file costs only itself."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from ..images import ImageError, read_image, to_input
from ..weights import Preprocessing

_CLASSES = Path(__file__).parent.parent / "data" / "imagenet_classes.json"


@dataclass(frozen=True, slots=True)
class Prediction:
    """The most likely classes of one image, or why there are none.

    Attributes:
        path: of the image.
        classes: (name, index, probability 0..1), the most likely first.
        error: what is wrong with the file, or None.
    """

    path: Path
    classes: tuple[tuple[str, int, float], ...]
    error: str | None = None


def class_names(count: int) -> list[str]:
    """ImageNet's names for 1000 classes; numbers for any other count."""
    names: list[str] = json.loads(_CLASSES.read_text(encoding="utf-8"))
    return names if count == len(names) else [f"class {index}" for index in range(count)]


@torch.inference_mode()
def predict(
    network: nn.Module,
    paths: Iterable[Path],
    preprocessing: Preprocessing,
    *,
    channels: int = 3,
    top: int = 5,
    batch: int = 16,
    classes: Sequence[str] | None = None,
) -> Iterator[Prediction]:
    """Predict the classes of image files, one by one in their order.

    Args:
        network: on any device, in evaluation mode.
        paths: of the images.
        preprocessing: what the network's images go through.
        channels: that the network reads: 3 or 1.
        top: how many classes to tell.
        batch: images at a time.
        classes: their names; None for ImageNet's, or numbers.
    """
    device = next(network.parameters()).device
    waiting: list[tuple[Path, torch.Tensor | str]] = []
    for path in paths:
        try:
            waiting.append((path, to_input(read_image(path, channels), preprocessing)))
        except ImageError as error:
            waiting.append((path, str(error)))
        if len(waiting) == batch:
            yield from _predicted(network, waiting, top, device, classes)
            waiting = []
    yield from _predicted(network, waiting, top, device, classes)


def _predicted(
    network: nn.Module,
    waiting: list[tuple[Path, torch.Tensor | str]],
    top: int,
    device: torch.device,
    classes: Sequence[str] | None,
) -> Iterator[Prediction]:
    images = [image for _, image in waiting if isinstance(image, torch.Tensor)]
    rows: Iterator[tuple[torch.Tensor, torch.Tensor]] = iter(())
    names: Sequence[str] = ()
    if images:
        probabilities = network(torch.stack(images).to(device)).float().softmax(1).cpu()
        names = classes or class_names(probabilities.shape[1])
        best = probabilities.topk(min(top, probabilities.shape[1]), 1)
        rows = iter(zip(best.values, best.indices, strict=True))
    for path, image in waiting:
        if isinstance(image, str):
            yield Prediction(path, (), image)
        else:
            values, indices = next(rows)
            pairs = zip(values.tolist(), indices.tolist(), strict=True)
            yield Prediction(path, tuple((names[index], index, value) for value, index in pairs))
