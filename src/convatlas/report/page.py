"""Networks as one HTML file with everything in it: it opens from a disk, without a network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path

from ..analysis.latency import Latency
from ..analysis.memory import TRAINING_BATCH, Settings
from ..analysis.verdict import Verdict
from ..files import atomic_write
from ..graph import Graph
from . import sections
from .axes import shortened
from .comparison import comparison
from .document import asset, document
from .fit import fit_answers
from .latency import predicted_time
from .network import Network, networks
from .table import full_table
from .theme import renderer
from .training import training_memory

# what a network's part of the page consists of, in this order; a section that has nothing to show is ""
SECTIONS: tuple[Callable[[Network], str], ...] = (
    sections.overview,
    sections.blocks,
    sections.layers,
    sections.stages,
    predicted_time,
    sections.views,
    training_memory,
    full_table,
)
_MOST_LETTERS_OF_TABS = 26
_FOOTER = "<footer><p>Made by convatlas from the networks' graphs: counted and predicted, not measured.</p></footer>"


def render_html(
    graphs: Sequence[Graph],
    training_graphs: Sequence[Sequence[Graph]] | None = None,
    settings: Settings | None = None,
    shown_batch: int = TRAINING_BATCH,
    verdicts: Sequence[Verdict | None] = (),
    times: Sequence[Latency | str | None] = (),
) -> str:
    """The page about some networks; several stand side by side, in the order given.

    Args:
        graphs: one a network.
        training_graphs: for each network its graphs in training mode, one a batch; none for a network
            that cannot be traced so. None leaves training memory out of the page.
        settings: how the training step is done; by default as everywhere.
        shown_batch: of the step that is drawn; the nearest where there is no such graph.
        verdicts: for each network whether the step fits, the first words of the page; None where nobody asked.
        times: for each network how long it takes on a device, predicted from its graph, or why nobody knows; None leaves it out.

    Raises:
        ConvatlasError: there is no network, or the charts' libraries are not installed.

    """
    renderer()
    found = networks(graphs, training_graphs, settings, shown_batch, verdicts, times)
    parts = [fit_answers(found), comparison(found), _tabs(found), *(_network(network, alone=len(found) == 1) for network in found)]
    header = f'<header class="top"><h1>What networks cost</h1><p>{sections.CONVENTION}</p></header>'
    main = "\n".join(part for part in parts if part)
    return document(
        title=f"{', '.join(network.title for network in found)}: what they cost",
        body=f'<a class="skip" href="#main">Skip to the content</a>\n{header}\n<main id="main" tabindex="-1">\n{main}\n</main>\n{_FOOTER}',
        styles=[asset("page.css")],
        scripts=[asset("page.js")],
    )


def write_html(graphs: Sequence[Graph], path: Path, training_graphs: Sequence[Sequence[Graph]] | None = None) -> None:
    """Write the page, whole or not at all; see `render_html`.

    Raises:
        ConvatlasError: there is no network, or the charts' libraries are not installed.
        OSError: the file cannot be written.

    """
    with atomic_write(path) as file:
        file.write(render_html(graphs, training_graphs).encode())


def _tabs(found: Sequence[Network]) -> str:
    """Buttons that switch between the networks."""
    if len(found) == 1:
        return ""
    tabs = "".join(
        f'<button type="button" role="tab" id="tab-{network.index}" aria-controls="network-{network.index}" '
        f'title="{escape(network.title, quote=True)}" aria-selected="{"true" if network.index == 0 else "false"}" tabindex="{0 if network.index == 0 else -1}">'
        f"{escape(shortened(network.title, _MOST_LETTERS_OF_TABS))}</button>"
        for network in found
    )
    return f'<div class="strip scroll"><div class="tabs" role="tablist" aria-label="Networks">{tabs}</div></div>'


def _network(network: Network, *, alone: bool) -> str:
    role = "" if alone else f' role="tabpanel" aria-labelledby="tab-{network.index}"'
    body = "\n".join(part(network) for part in SECTIONS)
    return f'<article class="network" id="network-{network.index}"{role}><h2>{escape(network.title)}</h2>\n{body}</article>'
