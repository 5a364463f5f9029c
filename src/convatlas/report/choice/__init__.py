"""A choice among networks, drawn: as one chart, and as a page to filter."""

from .chart import draw_choice
from .page import render_choice

__all__ = ["draw_choice", "render_choice"]
