"""What the project's pages share: one HTML file with its style and script in it, and tables that scroll with a cue."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from html import escape
from importlib.resources import files
from string import Template

from .theme import INKS

_NEVER_BROKEN = 16  # letters that have room in one line anywhere


def document(*, title: str, body: str, styles: Sequence[str], scripts: Sequence[str], language: str = "en") -> str:
    """A page that loads nothing from elsewhere; ``styles`` and ``scripts`` are texts beside what all pages have.

    Only these scripts may run, whatever the names of a user's modules contain.
    """
    script = "\n".join([asset("base.js"), *scripts])
    inks = ";".join(f"--{name}:{colour}" for name, colour in INKS.items())
    return Template(asset("document.html")).substitute(
        language=language,
        title=escape(title),
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        style="\n".join([f":root{{{inks}}}", asset("base.css"), *styles]),
        script=script,
        body=body,
    )


def asset(name: str) -> str:
    """The text of a file that is a part of the page."""
    return (files(__package__) / "assets" / name).read_text(encoding="utf-8")


def scrolling(content: str, name: str, *, tall: bool = False) -> str:
    """Content that is scrolled where it is wider than the page (or ``tall``); its edges show on which sides there is more."""
    kind = "wide tall" if tall else "wide"
    label = escape(name, quote=True)
    return f'<div class="scroll"><div class="{kind}" tabindex="0" role="region" aria-label="{label}">{content}</div></div>'


def breakable(path: str) -> str:
    """A name or module path as HTML that may be broken behind its signs."""
    return re.sub(r"([._:])", r"\1<wbr>", escape(path)) if len(path) > _NEVER_BROKEN else escape(path)
