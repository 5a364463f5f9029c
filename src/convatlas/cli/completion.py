"""What a shell may complete a word to. No torch here: a press of the tab key is answered in tenths of a second."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, MutableMapping
from pathlib import Path

from ..catalogue import families, list_models
from ..models.library_names import LIBRARIES, library_names

_SHELL = "_CONVATLAS_COMPLETE"
_PREFIX = "_CONVATLAS_COMPLETE_PREFIX"  # what bash keeps of the word itself


def complete_zoo(incomplete: str) -> list[str]:
    """Names of the zoo."""
    return _begin(list_models(), incomplete)


def complete_model(incomplete: str) -> list[str]:
    """Names of the zoo, and those of a library as soon as enough is typed to tell which."""
    if prefix := os.environ.get(_PREFIX):
        return _begin(library_names(prefix), incomplete)
    meant = [library for library in LIBRARIES if f"{library}:".startswith(incomplete) or incomplete.startswith(f"{library}:")]
    if not incomplete or len(meant) > 1:
        return _begin([*list_models(), *(f"{library}:" for library in LIBRARIES)], incomplete)
    return _begin([*list_models(), *(f"{library}:{name}" for library in meant for name in library_names(library))], incomplete)


def complete_family(incomplete: str) -> list[str]:
    """Families of the zoo."""
    return _begin(families(), incomplete)


def complete_chart(incomplete: str) -> list[str]:
    """Charts of `report`."""
    from ..report.charts import CHARTS

    return _begin(CHARTS, incomplete)


def complete_section(incomplete: str) -> list[str]:
    """Sections of the lecture notes."""
    from ..notes.run import SECTIONS

    return _begin((name for name, _, _ in SECTIONS), incomplete)


def complete_recipe(incomplete: str) -> list[str]:
    """Recipes of `train`."""
    return _begin(_stated("train/recipes", "Recipe"), incomplete)


def complete_study(incomplete: str) -> list[str]:
    """Studies of `study`."""
    return _begin(_stated("studies/experiments", "Design"), incomplete)


def _stated(folder: str, made: str) -> list[str]:
    """The names of what is made in the files of a folder, which import torch and are therefore only read."""
    stated = re.compile(rf'\b{made}\(\s+name="([^"]+)"')
    paths = sorted((Path(__file__).parents[1] / folder).glob("*.py"))
    return [name for path in paths for name in stated.findall(path.read_text(encoding="utf-8"))]


def _begin(names: Iterable[str], incomplete: str) -> list[str]:
    return [name for name in names if name.startswith(incomplete)]


def mend_words(environment: MutableMapping[str, str]) -> None:
    """Put together what bash takes apart: it breaks words at : and =, and wants only what comes after the last one."""
    if environment.get(_SHELL) != "complete_bash":
        return
    words, place = re.split(r"\s", environment["COMP_WORDS"]), int(environment["COMP_CWORD"])
    if words[place:] in ([":"], ["="]):  # nothing comes after it as yet
        words.append("")
        place += 1
    before = [word for word in words[:place] if word != "="]
    if len(before) > 1 and before[-1] == ":":
        environment[_PREFIX] = before[-2]
        before = before[:-2]
    whole: list[str] = []
    for word in before:
        if whole and (word == ":" or whole[-1].endswith(":")):
            whole[-1] += word
        else:
            whole.append(word)
    environment["COMP_WORDS"] = "\n".join([*whole, *words[place:]])
    environment["COMP_CWORD"] = str(len(whole))
