"""The chart of a choice: any figure against any other, a third as the dots' area, the front joined by a line."""

from __future__ import annotations

import math
from typing import Any, Literal

from ...design import Figure, Selection
from ...errors import ConvatlasError
from ..axes import log_domain, log_marks
from ..theme import INKS, contents, renderer

_WIDTH, _HEIGHT = 620, 400
_LETTERS, _LINES = 0.2, 0.05  # of the plot's width and height, that a name takes
_AWAY, _MISSES, _FITS, _FRONT = "misses a limit", 0.35, "fits", "fits, on the front"
_COLOURS = {_AWAY: INKS["other"], _FITS: INKS["conv"], _FRONT: INKS["linear"]}


def choice_chart(found: Selection, x: Figure, y: Figure, area: Figure) -> Any:
    """An altair chart of all that fit, and of what misses the limits behind them.

    Raises:
        ConvatlasError: of no candidate all three figures are known.

    """
    import altair as alt

    data = choice_rows(found, x, y, area)
    if not data:
        raise ConvatlasError(
            f"there is no network of which {x.title}, {y.title} and {area.title} are all known, so there is no point to draw"
        )
    across, upwards = (_axis(channel, key, figure, data) for channel, key, figure in ((alt.X, "x", x), (alt.Y, "y", y)))
    base = alt.Chart(alt.InlineData(values=data))
    dots = base.mark_circle(stroke=INKS["paper"], strokeWidth=0.7).encode(
        x=across,
        y=upwards,
        size=alt.Size("area:Q", scale=alt.Scale(range=[18, 620], zero=True), legend=None),
        color=alt.Color(
            "state:N", scale=alt.Scale(domain=[*_COLOURS], range=[*_COLOURS.values()]), legend=alt.Legend(title=None, orient="top")
        ),
        opacity=alt.Opacity("opacity:Q", scale=None),
        order=alt.Order("area:Q", sort="descending"),
        description="about:N",
    )
    edge = sorted((row for row in data if row["state"] == _FRONT), key=lambda row: row["x"])
    line = (
        alt.Chart(alt.InlineData(values=edge))
        .mark_line(color=INKS["linear"], strokeWidth=1.2, opacity=0.6)
        .encode(x=across, y=upwards)
    )
    names = (
        alt.Chart(alt.InlineData(values=_named(edge, x, y)))
        .mark_text(align="left", dx=7, dy=-7, fontSize=10, color=INKS["ink"])
        .encode(x=across, y=upwards, text="short:N")
    )
    layers = [dots, names] if len(edge) < 2 or {x.key, y.key} != {figure.key for figure in found.weighed} else [line, dots, names]
    subtitle = [conditions(found), f"the area of a dot tells: {area.title}"]
    return alt.layer(*layers).properties(
        width=_WIDTH, height=_HEIGHT, title=alt.Title(f"{y.title} against {x.title}", subtitle=subtitle)
    )


def _named(edge: list[dict[str, Any]], x: Figure, y: Figure) -> list[dict[str, Any]]:
    """Those of the front whose names have room beside each other, the highest first."""
    places = {
        id(row): (_place(x, row["x"], [each["x"] for each in edge]), _place(y, row["y"], [each["y"] for each in edge]))
        for row in edge
    }
    kept: list[dict[str, Any]] = []
    for row in sorted(edge, key=lambda row: -places[id(row)][1]):
        across, upwards = places[id(row)]
        others = [places[id(each)] for each in kept]
        if all(abs(across - its) > _LETTERS or abs(upwards - height) > _LINES for its, height in others):
            kept.append(row)
    return kept


def _place(figure: Figure, value: float, values: list[float]) -> float:
    """Where a value lies between the least and the most, from 0 to 1."""
    scale = float if figure.more_is_better else math.log
    low, high = scale(min(values)), scale(max(values))
    return (scale(value) - low) / ((high - low) or 1.0)


def choice_rows(found: Selection, x: Figure, y: Figure, area: Figure) -> list[dict[str, Any]]:
    """A row a candidate of which all three figures are known."""
    states = [(each, _FRONT if each.on_front else _FITS) for each in found.rows] + [
        (miss.candidate, _AWAY) for miss in found.misses
    ]
    rows = []
    for each, state in states:
        values = [figure.value(each) for figure in (x, y, area)]
        if None in values:
            continue
        told = ", ".join(
            f"{figure.title} {figure.show(value)}" for figure, value in zip((x, y, area), values, strict=True) if value is not None
        )
        rows.append(
            {
                **dict(zip(("x", "y", "area"), values, strict=True)),
                "state": state,
                "opacity": _MISSES if state == _AWAY else 0.85,
                "short": each.word.removeprefix("timm:").partition(".")[0],
                "about": f"{each.word}: {told}; {state}",
            }
        )
    return rows


def conditions(found: Selection) -> str:
    """What the figures hold for, in a line."""
    setting = found.setting
    times = f"latency on {setting.device}, predicted; " if setting.device else ""
    limits = f"limits: {', '.join(cap.in_words for cap in found.limits)}" if found.limits else "no limits"
    return f"{times}batch {setting.batch}, {setting.precision}; training on {setting.memory_device}, SGD with momentum; {limits}"


def _axis(channel: Any, key: str, figure: Figure, data: list[dict[str, Any]]) -> Any:
    """Costs are logarithmic."""
    import altair as alt

    unit = "" if figure.more_is_better else "logarithmic"
    title = f"{figure.title} ({', '.join(filter(None, (figure.unit, unit)))})"
    if figure.more_is_better:
        return channel(f"{key}:Q", title=title, scale=alt.Scale(zero=False))
    low, high = log_domain([row[key] for row in data])
    scale = alt.Scale(type="log", domain=[low, high], nice=False)
    return channel(f"{key}:Q", title=title, scale=scale, axis=alt.Axis(values=log_marks(low, high), format="~s"))


def draw_choice(found: Selection, x: Figure, y: Figure, area: Figure, kind: Literal["svg", "png"]) -> bytes:
    """The chart as the contents of an SVG or PNG file.

    Raises:
        ConvatlasError: there is no point to draw, or the charts' libraries are not installed.

    """
    renderer()  # before anything that needs it
    return contents(choice_chart(found, x, y, area), kind)
