"""The notes' records, computed once for all tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from convatlas.notes import Record, run_claims

NOTES = Path(__file__).parents[3] / "shared" / "notes"


@pytest.fixture(scope="session")
def records() -> dict[str, Record]:
    return {record.claim.id: record for record in run_claims()}


@pytest.fixture(scope="session")
def figures() -> str:
    path = NOTES / "figures.md"
    if not path.exists():
        pytest.skip("the notes' figures are not beside this checkout")
    return path.read_text()


@pytest.fixture(scope="session")
def notes_text() -> str:
    path = NOTES / "cnn-architectures.md"
    if not path.exists():
        pytest.skip("the notes are not beside this checkout")
    return path.read_text()
