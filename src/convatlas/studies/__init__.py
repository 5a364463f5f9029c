"""The notes' experiments, run: each a table of networks and what the notes say of them, trained over seeds, with a verdict."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache

from ..names import unknown_name
from . import experiments
from .design import Arm, Contrast, Design, Form
from .result import Study, study

__all__ = ["Arm", "Contrast", "Design", "Form", "Study", "design_of", "designs", "study"]


@cache
def designs() -> Mapping[str, Design]:
    """Every study by its name."""
    modules = [
        importlib.import_module(f"{experiments.__name__}.{module.name}") for module in pkgutil.iter_modules(experiments.__path__)
    ]
    return {module.DESIGN.name: module.DESIGN for module in modules}


def design_of(name: str) -> Design:
    """The study of that name.

    Raises:
        ConvatlasError: there is none; the nearest are given.

    """
    if name not in designs():
        raise unknown_name("study", name, designs(), f"there are {', '.join(designs())}")
    return designs()[name]
