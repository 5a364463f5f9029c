"""The charts, each a function of graphs, and as files of their own; the page takes their panels one by one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

from ..errors import ConvatlasError
from ..files import atomic_write
from ..graph import Graph
from ..names import unknown_name
from . import rows
from .network import Network, networks
from .panels import layer_panel, stage_panel, total_panel
from .plots import balance_chart, field_chart, intensity_chart
from .theme import contents, renderer


def _stacked(panels: Callable[[Network], Any]) -> Callable[[Sequence[Graph]], Any]:
    """A panel for each network, one below the other, each under its conditions."""

    def make(graphs: Sequence[Graph]) -> Any:
        import altair as alt

        found = [
            panels(network).properties(title=alt.Title(network.title, subtitle=network.conditions)) for network in networks(graphs)
        ]
        return alt.vconcat(*found, spacing=28).resolve_scale(color="independent", x="independent", y="independent")

    return make


def _layers(network: Network) -> Any:
    import altair as alt

    return alt.hconcat(*(layer_panel(network, quantity, legend=True) for quantity in rows.COSTS))


def _totals(graphs: Sequence[Graph]) -> Any:
    import altair as alt

    found = networks(graphs)
    return alt.concat(*(total_panel(found, quantity) for quantity in rows.TOTALS), columns=2)


CHARTS: dict[str, Callable[[Sequence[Graph]], Any]] = {
    "layers": _stacked(_layers),
    "stages": _stacked(lambda network: stage_panel(network, legend=True)),
    "receptive_field": lambda graphs: field_chart(networks(graphs), legend=True),
    "intensity": _stacked(lambda network: intensity_chart(network, legend=True)),
    "totals": _totals,
    "balance": lambda graphs: balance_chart(networks(graphs), legend=True),
}


def draw_chart(graphs: Sequence[Graph], chart: str, kind: Literal["svg", "png"]) -> bytes:
    """One chart as the contents of an SVG or PNG file.

    Raises:
        ConvatlasError: there is no such chart, or the charts' libraries are not installed.

    """
    if chart not in CHARTS:
        raise unknown_name("chart", chart, CHARTS, f"there are {', '.join(CHARTS)}")
    renderer()  # before anything that needs it
    return contents(CHARTS[chart](graphs), kind)


def write_chart(graphs: Sequence[Graph], chart: str, path: Path) -> None:
    """Draw one chart into an SVG or PNG file, by the file's ending; whole or not at all.

    Raises:
        ConvatlasError: there is no such chart, the file is of another kind, or the charts' libraries are not installed.
        OSError: the file cannot be written.

    """
    kinds: dict[str, Literal["svg", "png"]] = {".svg": "svg", ".png": "png"}
    kind = kinds.get(path.suffix.lower())
    if kind is None:
        raise ConvatlasError(f"a chart's file ends in .svg or .png, got {path.name!r}")
    with atomic_write(path) as file:
        file.write(draw_chart(graphs, chart, kind))
