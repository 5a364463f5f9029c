"""What docs/studies says follows from its rows."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

DOCS = Path(__file__).parents[2] / "docs"
FOLDERS = sorted(path.parent for path in (DOCS / "studies").glob("*/rows.csv"))


@pytest.fixture(scope="module")
def make() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_studies", DOCS / "make_studies.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_page_says_what_its_rows_say(make: ModuleType, folder: Path) -> None:
    from convatlas.studies.page import as_markdown

    assert (folder / "README.md").read_text(encoding="utf-8") == as_markdown(make.kept(folder))


def test_the_index_says_what_the_rows_say(make: ModuleType) -> None:
    assert (DOCS / "studies" / "README.md").read_text(encoding="utf-8") == make.index()
