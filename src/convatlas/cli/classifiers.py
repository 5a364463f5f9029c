"""From what was typed to a classifier; what there is to say about it goes to stderr."""

from __future__ import annotations

import sys
import warnings
from typing import TYPE_CHECKING

from ..catalogue import lookup
from ..models import is_exported_file, is_run_folder
from .progress import working
from .train import room

if TYPE_CHECKING:
    from ..predict import Classifier

NO_WEIGHTS = "none"


def classifier_of(model: str, weights: str, num_classes: int | None, size: int | None) -> Classifier:
    """The classifier that was asked for.

    Raises:
        ConvatlasError: there is none, or a package is missing.
    """
    if is_run_folder(model):
        room()
    elif not is_exported_file(model):
        lookup(model)  # an unknown name is told before torch is imported
    with working(f"loading {model}"), warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        from ..api import classifier

        found = classifier(model, weights=None if weights == NO_WEIGHTS else weights, num_classes=num_classes, size=size)
    for warning in warned:
        noted(str(warning.message))
    return found


def noted(what: str) -> None:
    """Say something about a classifier, beside its results."""
    print(f"note: {what}", file=sys.stderr)
