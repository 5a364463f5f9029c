"""The page of a training, out of what its folder records."""

from .page import render_run, write_run_page

__all__ = ["render_run", "write_run_page"]
