"""Every error that a user can cause has one base, so that one `except` catches it."""

import ast
from pathlib import Path

import pytest

import convatlas as ca

SOURCE = Path(ca.__file__).parent
PROGRAMMING = {"zoo/registry.py"}  # what a family's own file does wrong


def test_no_room_raises_a_bare_value_error():
    for path in SOURCE.rglob("*.py"):
        if path.relative_to(SOURCE).as_posix() in PROGRAMMING:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
                assert getattr(node.exc.func, "id", None) != "ValueError", f"{path}:{node.lineno}"


@pytest.mark.parametrize("ask", [lambda: ca.cost("resnet51"), lambda: ca.trace("alexnet", (1, 3, 8, 8))])
def test_errors_of_every_room_are_convatlas_errors(ask):
    with pytest.raises(ca.ConvatlasError, match=r"resnet50|alexnet|input"):
        ask()
