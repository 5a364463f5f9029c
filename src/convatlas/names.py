"""Names: natural order, patterns, and the nearest ones to a mistyped one."""

from __future__ import annotations

import difflib
import fnmatch
import re
from collections.abc import Iterable

from .errors import ConvatlasError


def natural_key(name: str) -> list[tuple[int, int, str]]:
    """Sort key under which resnet18 comes before resnet101."""
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in re.split(r"(\d+)", name) if part]


def matching(names: Iterable[str], pattern: str = "*") -> list[str]:
    """The names that a shell-style pattern matches, in natural order."""
    return sorted((name for name in names if fnmatch.fnmatchcase(name, pattern)), key=natural_key)


def unknown_name(kind: str, name: str, known: Iterable[str], way_out: str = "") -> ConvatlasError:
    """The error for a name that is not known: it shows the name, and the nearest ones that are."""
    names = list(known)
    near = [name.lower()] if name.lower() in names else difflib.get_close_matches(name.lower(), names, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else way_out or "nothing has a similar name"
    return ConvatlasError(f"unknown {kind} {name!r}: {hint}")
