"""How data speak where nobody says how: by Python's warnings."""

from __future__ import annotations

import warnings


def warn(message: str) -> None:
    """Warn the caller's caller."""
    warnings.warn(message, stacklevel=3)
