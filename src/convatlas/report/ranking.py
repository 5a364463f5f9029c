"""MACs against predicted time, a dot a network: those with depthwise convolutions lie above the others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from ..analysis.latency import shares
from ..analysis.latency.ranking import DEPTHWISE
from ..sizes import milliseconds
from .axes import log_domain, log_marks
from .numbers import in_short, percent
from .theme import INKS, contents, renderer

if TYPE_CHECKING:
    from ..analysis.latency import Latency, Ranking

_WIDTH, _HEIGHT = 560, 340
_KINDS = {"with depthwise convolutions": INKS["depthwise"], "without": INKS["conv"]}


def ranking_rows(found: Mapping[str, Latency]) -> list[dict[str, Any]]:
    """For each network that has MACs: MACs of the batch, milliseconds, and whether it has depthwise convolutions."""
    rows = []
    for name, latency in found.items():
        macs = sum(each.kernel.macs for each in latency.kernels)
        own = [each for each in shares(latency) if each.kind == DEPTHWISE]
        about = f"{name}: {in_short(macs)} MACs, {milliseconds(latency.milliseconds)} ms"
        if own:
            about += f"; depthwise convolutions: {percent(own[0].macs_share)} of MACs, {percent(own[0].time_share)} of time"
        kind = list(_KINDS)[not own]
        rows.append({"network": name, "macs": macs, "milliseconds": latency.milliseconds, "kind": kind, "about": about})
    return [row for row in rows if row["macs"]]


def ranking_chart(found: Mapping[str, Latency], ranked: Ranking) -> Any:
    """An altair chart of networks under the same conditions."""
    import altair as alt

    data = ranking_rows(found)
    first = next(iter(found.values()))
    correlation = "" if ranked.macs_correlation is None else f"; rank correlation {ranked.macs_correlation:.3f}"
    subtitle = f"predicted: {first.device}, batch {first.graph.batch or 'none'}, {first.conditions}{correlation}"
    kind = alt.Color(
        "kind:N",
        scale=alt.Scale(domain=list(_KINDS), range=list(_KINDS.values())),
        legend=alt.Legend(title=None, orient="bottom-right"),
    )
    return (
        alt.Chart(alt.InlineData(values=data))
        .mark_circle(size=38, opacity=0.75, stroke=INKS["paper"], strokeWidth=0.7)
        .encode(
            x=_axis(alt.X, data, "macs", "MACs of a batch (logarithmic)", "~s"),
            y=_axis(alt.Y, data, "milliseconds", "milliseconds (logarithmic)", "~g"),
            color=kind,
            description="about:N",
        )
        .properties(width=_WIDTH, height=_HEIGHT, title=alt.Title(f"{len(data)} networks: MACs and time", subtitle=subtitle))
    )


def _axis(channel: Any, data: list[dict[str, Any]], key: str, title: str, form: str) -> Any:
    import altair as alt

    low, high = log_domain([row[key] for row in data] or [1.0])
    scale = alt.Scale(type="log", domain=[low, high], nice=False)
    return channel(f"{key}:Q", title=title, scale=scale, axis=alt.Axis(values=log_marks(low, high), format=form))


def draw_ranking(found: Mapping[str, Latency], ranked: Ranking, kind: Literal["svg", "png"]) -> bytes:
    """The chart as the contents of an SVG or PNG file.

    Raises:
        ConvatlasError: the charts' libraries are not installed.

    """
    renderer()  # before anything that needs it
    return contents(ranking_chart(found, ranked), kind)
