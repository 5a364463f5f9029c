"""What the tests of measuring share."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's profiles of the test alone."""
    monkeypatch.setenv("CONVATLAS_HOME", str(tmp_path))
    return tmp_path / "profiles"
