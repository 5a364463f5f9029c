"""The command line: `convatlas list`, `show`, `cost`, `compare`, `report`."""

from __future__ import annotations

import sys

__all__ = ["main"]


def main(args: list[str] | None = None) -> int:
    """Run one command; returns the exit status: 0, 2 for anything wrong with what was asked, 130 after Ctrl-C."""
    given = sys.argv[1:] if args is None else args
    try:
        from .run import run

        return run(given)
    except KeyboardInterrupt:  # while the command line itself is being imported
        return 130
