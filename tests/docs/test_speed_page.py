"""The table of docs/speed.md is that of the shipped profiles."""

from __future__ import annotations

import importlib.util
from pathlib import Path


def test_the_table_is_up_to_date() -> None:
    spec = importlib.util.spec_from_file_location("make_speed", Path(__file__).parents[2] / "docs" / "make_speed.py")
    assert spec is not None
    assert spec.loader is not None
    make = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(make)
    assert make.PAGE.read_text(encoding="utf-8") == make.page(), "python docs/make_speed.py writes it anew"
