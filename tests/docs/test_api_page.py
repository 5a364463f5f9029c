"""docs/api.md tells every public name, and what its examples do works; what is public says its types."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import re
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from types import ModuleType

import pytest

import convatlas as ca

ROOT = Path(__file__).parents[2]
# what torch, altair and JSON have no types for
UNTYPED = {"Study.figure": "Any", "Run.record": "dict[str, Any]", "Verdict.rows": "list[dict[str, Any]]"}


def _made() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_make_api", ROOT / "docs" / "make_api.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


make = _made()


def test_the_page_is_up_to_date() -> None:
    assert make.PAGE.read_text(encoding="utf-8") == make.page(), "python docs/make_api.py writes it anew"


def test_every_public_name_is_on_the_page() -> None:
    text = make.PAGE.read_text(encoding="utf-8")
    assert set(re.findall(r"^## `(\w+)`$", text, flags=re.MULTILINE)) == set(ca.__all__)


@pytest.mark.usefixtures("short_samples")
@pytest.mark.parametrize("name", make.EXAMPLES)
def test_every_example_runs(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    exec(make.EXAMPLES[name], {"ca": ca})


def test_what_is_public_is_named_once() -> None:
    assert sorted(ca.__all__) == sorted(ca._HOMES) == sorted(dir(ca))
    for name in ca.__all__:
        assert getattr(ca, name).__doc__, f"{name} has no docstring"


def signatures() -> Iterator[tuple[str, inspect.Signature]]:
    """Every public function, and every public method of every public class."""
    for name in ca.__all__:
        thing = getattr(ca, name)
        if not inspect.isclass(thing):
            yield name, inspect.signature(thing)
            continue
        for own, member in vars(thing).items():
            function: Callable[..., object] = (
                member.fget
                if isinstance(member, property)
                else member.func
                if isinstance(member, cached_property)
                else getattr(member, "__func__", member)
            )
            if not own.startswith("_") and inspect.isfunction(function):
                yield f"{name}.{own}", inspect.signature(function)


@pytest.mark.parametrize(("name", "signature"), list(signatures()))
def test_public_signatures_say_their_types(name: str, signature: inspect.Signature) -> None:
    for parameter in signature.parameters.values():
        if parameter.name not in ("self", "cls"):
            assert parameter.annotation is not parameter.empty, parameter.name
            assert "Any" not in re.findall(r"\w+", str(parameter.annotation)), parameter.name
    result = str(signature.return_annotation)
    assert "Any" not in re.findall(r"\w+", result) or UNTYPED.get(name) == result


@pytest.mark.parametrize("alias", ["convatlas.inputs.InputsLike", "convatlas.inputs.InputLike", "convatlas.api.counting.Model"])
def test_the_named_types_hide_no_any(alias: str) -> None:
    room, _, name = alias.rpartition(".")
    assert "Any" not in re.findall(r"\w+", str(getattr(importlib.import_module(room), name)))
