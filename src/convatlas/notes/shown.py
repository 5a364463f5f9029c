"""Values as text."""

from __future__ import annotations

from .claim import BYTES, Published, Value


def computed_text(value: Value, published: Published) -> str:
    """A computed value: in the printed unit with enough digits to see how it was rounded, and exact where it is a count."""
    if isinstance(value, str):
        return value
    head, _, what = published.unit.partition(" ")
    scaled = value / published.factor
    decimals = len(published.text.partition(".")[2])
    text = f"{scaled:,.{min(decimals + 2, 4)}f}"
    if published.factor == 1:
        return f"{value:,} {published.unit}".strip() if isinstance(value, int) else f"{text} {published.unit}".strip()
    if head == "%" or head in BYTES:
        return f"{text} {published.unit}"
    exact = f"{value:,} {what}".strip() if isinstance(value, int) else ""
    return f"{text} {published.unit} ({exact})" if exact else f"{text} {published.unit}"
