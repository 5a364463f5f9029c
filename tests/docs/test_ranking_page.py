"""docs/ranking.md follows from the zoo and the shipped profiles."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest


@pytest.mark.slow
def test_the_page_is_up_to_date() -> None:
    spec = importlib.util.spec_from_file_location("make_ranking", Path(__file__).parents[2] / "docs" / "make_ranking.py")
    assert spec is not None
    assert spec.loader is not None
    make = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(make)
    text, _ = make.made()
    assert make.PAGE.read_text(encoding="utf-8") == text, "python docs/make_ranking.py writes it anew"
