"""Which room imports which: from the top down, and in no circle (pyproject.toml, [tool.importlinter])."""

from __future__ import annotations

from pathlib import Path

from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports

SETTINGS = Path(__file__).parent.parent / "pyproject.toml"


def test_rooms_import_what_lies_below_them_alone() -> None:
    assert lint_imports(config_filename=str(SETTINGS), no_cache=True, no_logo=True) == EXIT_STATUS_SUCCESS
