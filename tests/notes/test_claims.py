"""Every claim is complete, and is computed: from a graph, and not typed."""

from __future__ import annotations

import ast
import importlib
import inspect
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from convatlas.notes import Claim, Record, all_claims, measure
from convatlas.notes.run import SECTIONS

MODULES = [importlib.import_module(f"convatlas.notes.sections.{name}") for name, _, _ in SECTIONS]


def test_ids_are_unique() -> None:
    ids = [claim.id for claim in all_claims()]
    assert len(ids) == len(set(ids))


def test_claims_come_in_the_order_of_the_notes(notes_text: str) -> None:
    places = [notes_text.index(f"## {zh}") for name, _, zh in SECTIONS if name != "alexnet_vgg"]
    assert places == sorted(places)


@pytest.mark.parametrize("claim", all_claims(), ids=lambda claim: claim.id)
def test_claim_is_said_in_both_languages(claim: Claim) -> None:
    assert claim.text_en
    assert claim.text_zh
    assert claim.text_en.isascii() or "·" in claim.text_en
    assert bool(claim.why_en) == bool(claim.why_zh)


def test_what_differs_or_is_not_computed_says_why_and_nothing_else_does(records: dict[str, Record]) -> None:
    wrong = {
        id_ for id_, record in records.items() if (record.verdict in ("differs", "not computable")) != bool(record.claim.why_en)
    }
    assert not wrong


def test_values_change_with_the_networks(monkeypatch: pytest.MonkeyPatch, records: dict[str, Record]) -> None:
    """Every number comes out of the tracer, the cost rules or the zoo: none is left when these do not answer."""

    class CutOffError(Exception):
        pass

    def cut_off(*_: Any, **__: Any) -> Any:
        raise CutOffError

    clear_caches()
    for name in ("trace", "cost", "training_memory"):
        monkeypatch.setattr(measure.api, name, cut_off)
    monkeypatch.setattr("convatlas.zoo.entry", cut_off)
    monkeypatch.setattr("convatlas.zoo.highway.HighwayConv2d", cut_off)
    typed = []
    for claim in all_claims():
        if claim.compute is not None:
            try:
                claim.compute()
            except CutOffError:
                continue
            typed.append(claim.id)
    monkeypatch.undo()
    clear_caches()
    assert not typed


def clear_caches() -> None:
    for module in (measure, *MODULES):
        for value in vars(module).values():
            if isinstance(clear := getattr(value, "cache_clear", None), Callable):  # type: ignore[arg-type]
                clear()


def literals(tree: ast.AST) -> Iterator[float]:
    """Numbers in the code of functions and lambdas: what a claim could be computed from without a network."""
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef | ast.Lambda):
            for node in ast.walk(function):
                if isinstance(node, ast.Constant) and isinstance(node.value, int | float) and not isinstance(node.value, bool):
                    yield node.value


def test_no_computed_value_is_a_number_in_the_code_that_computes_it(records: dict[str, Record]) -> None:
    typed = {number for module in MODULES for number in literals(ast.parse(inspect.getsource(module))) if number > 10_000}
    computed = {record.computed for record in records.values() if isinstance(record.computed, int | float)}
    assert not typed & computed
