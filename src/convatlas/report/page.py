"""Networks as one HTML file with everything in it: it opens from a disk, without a network."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template

from ..files import atomic_write
from ..graph import Graph
from . import sections
from .comparison import comparison
from .network import Network, networks
from .table import full_table
from .theme import INKS
from .training import training_memory

# what a network's part of the page consists of, in this order; a section that has nothing to show is ""
SECTIONS: tuple[Callable[[Network], str], ...] = (
    sections.overview,
    sections.blocks,
    sections.layers,
    sections.stages,
    sections.views,
    training_memory,
    full_table,
)


def render_html(graphs: Sequence[Graph], training_graphs: Sequence[Sequence[Graph]] | None = None) -> str:
    """The page about some networks; several stand side by side, in the order given.

    Args:
        graphs: one a network.
        training_graphs: for each network its graphs in training mode, one a batch, that of 32 to be drawn; none for a network
            that cannot be traced so. None leaves training memory out of the page.

    Raises:
        ConvatlasError: there is no network, or the charts' libraries are not installed.

    """
    found = networks(graphs, training_graphs)
    script = _asset("page.js")
    inks = ";".join(f"--{name}:{colour}" for name, colour in INKS.items())
    parts = [comparison(found), _tabs(found), *(_network(network, alone=len(found) == 1) for network in found)]
    return Template(_asset("page.html")).substitute(
        title=escape(", ".join(network.title for network in found)),
        # only this script may run, whatever the names of a user's modules contain
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        style=f":root{{{inks}}}\n{_asset('page.css')}",
        script=script,
        convention=sections.CONVENTION,
        body="\n".join(part for part in parts if part),
    )


def write_html(graphs: Sequence[Graph], path: Path, training_graphs: Sequence[Sequence[Graph]] | None = None) -> None:
    """Write the page, whole or not at all; see `render_html`.

    Raises:
        ConvatlasError: there is no network, or the charts' libraries are not installed.
        OSError: the file cannot be written.

    """
    with atomic_write(path) as file:
        file.write(render_html(graphs, training_graphs).encode())


def _asset(name: str) -> str:
    return (files(__package__) / "assets" / name).read_text(encoding="utf-8")


def _tabs(found: Sequence[Network]) -> str:
    """Buttons that switch between the networks."""
    if len(found) == 1:
        return ""
    tabs = "".join(
        f'<button type="button" role="tab" id="tab-{network.index}" aria-controls="network-{network.index}" '
        f'aria-selected="{"true" if network.index == 0 else "false"}" tabindex="{0 if network.index == 0 else -1}">'
        f"{escape(network.title)}</button>"
        for network in found
    )
    return f'<div class="tabs" role="tablist" aria-label="Networks">{tabs}</div>'


def _network(network: Network, *, alone: bool) -> str:
    role = "" if alone else f' role="tabpanel" aria-labelledby="tab-{network.index}"'
    body = "\n".join(part(network) for part in SECTIONS)
    return f'<article class="network" id="network-{network.index}"{role}><h2>{escape(network.title)}</h2>\n{body}</article>'
