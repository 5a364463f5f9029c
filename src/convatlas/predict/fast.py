"""A classifier's network in its fastest form on this machine, once that pays."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor, nn

from ..runtime.optimize import Optimized, optimize
from .classifier import Classifier

_PAYS_SECONDS = 60.0  # of PyTorch's work to come: finding the form takes 10 to 30, and saves half of the work or more
_TOLERANCE = 1e-2
_LIMIT_SECONDS = 5.0  # of measuring: on a busy machine a choice that is nearly the best beats one that comes late


def fast_when_it_pays(classifier: Classifier, total: int | None, told: Callable[[str], None]) -> Classifier:
    """The classifier, whose network becomes its fastest form while it works, as soon as what is to come would take a minute without.

    The form is chosen on the images of a batch, all of which keep their class in it. Where none is faster, and for an exported file,
    which has its own runtime, nothing changes.

    Args:
        classifier: stays as it is.
        total: how many images there will be; None if nobody knows: then as many are expected as there were.
        told: gets one line when the form is found.

    """
    if not isinstance(classifier.logits, nn.Module):
        return classifier
    return replace(classifier, logits=_Quickening(classifier.name, classifier.logits, total, told))


def fast_from_the_start(classifier: Classifier, batch: int, told: Callable[[str], None]) -> Classifier:
    """The classifier with its network in its fastest form for batches of a size, chosen on random images."""
    if not isinstance(classifier.logits, nn.Module):
        return classifier
    images = torch.randn(batch, *classifier.input_size, generator=torch.Generator().manual_seed(0))
    found = optimize(classifier.logits, images, for_="throughput", tolerance=_TOLERANCE, limit_seconds=_LIMIT_SECONDS)
    told(_line(classifier.name, found))
    return replace(classifier, logits=found)


class _Quickening:
    """Logits by the network itself, and by its fastest form after the batch with which that pays."""

    def __init__(self, name: str, network: nn.Module, total: int | None, told: Callable[[str], None]) -> None:
        self._name, self._network, self._total, self._told = name, network, total, told
        self._seconds, self._images = 0.0, 0
        self._form: Callable[[Tensor], Tensor] | None = None

    def __call__(self, images: Tensor) -> Tensor:
        if self._form is not None:
            return self._form(images)
        begun = time.perf_counter()
        logits: Tensor = self._network(images)
        self._seconds += time.perf_counter() - begun
        self._images += len(images)
        if self._seconds_to_come() >= _PAYS_SECONDS:
            with torch.inference_mode(False):  # what is made within it could not be exported
                found = optimize(
                    self._network, images, for_="throughput", tolerance=_TOLERANCE, same_classes=True, limit_seconds=_LIMIT_SECONDS
                )
            self._form = found
            self._told(_line(self._name, found))
        return logits

    def _seconds_to_come(self) -> float:
        if self._total is None:
            return self._seconds
        return self._seconds / self._images * (self._total - self._images)


def _line(name: str, found: Optimized) -> str:
    step = next(each for each in found.steps if each.runtime == found.runtime)
    if step.difference is None or found.speedup <= 1:
        return f"{name} runs by PyTorch as it is: nothing else is faster here"
    return (
        f"{name} runs by {found.runtime}, {found.speedup:.1f} times as fast as by PyTorch as it is (outputs differ by "
        f"{step.difference:.1e} of their size; --eager leaves it as it is)"
    )
