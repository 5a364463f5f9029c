"""The colours of charts and page, and how an altair chart becomes an SVG element of the page."""

from __future__ import annotations

import re
from typing import Any, Literal, NamedTuple
from xml.etree import ElementTree

from ..errors import ConvatlasError

# the page replaces these by CSS variables of the same names, so that charts follow dark mode
INKS = {
    "ink": "#1f2328",
    "soft": "#59636e",
    "line": "#d9dee4",
    "paper": "#ffffff",
    "conv": "#3266ad",
    "depthwise": "#8256b4",
    "linear": "#d06a1c",
    "pool": "#2f9483",
    "product": "#b8862b",
    "other": "#818b96",
    "alarm": "#c2333d",
    "series-0": "#3266ae",
    "series-1": "#d06a1d",
    "series-2": "#2f9484",
    "series-3": "#8256b5",
    "series-4": "#b8862c",
    "series-5": "#c94f7c",
    "series-6": "#5b8a2e",
    "series-7": "#818b97",
}
SERIES = [colour for name, colour in INKS.items() if name.startswith("series")]
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', 'Liberation Sans', sans-serif"
_VARIABLES = {colour: f"var(--{name})" for name, colour in INKS.items()}
_KEPT = frozenset(
    ("aria-label", "d", "dominant-baseline", "dy", "fill", "fill-opacity", "font-size", "font-weight", "height", "opacity", "stroke",
     "stroke-dasharray", "stroke-opacity", "stroke-width", "text-anchor", "transform", "viewBox", "width",
     "x", "x1", "x2", "y", "y1", "y2")
)  # fmt: skip
_GEOMETRY = ("d", "transform", "viewBox", "x", "x1", "x2", "y", "y1", "y2")
_WIDEST = 1.25  # how far a chart is enlarged on a wide page


class Margins(NamedTuple):
    """Pixels around the plot of a chart, for its titles and labels. They are the same whatever font the machine has."""

    top: float = 26
    right: float = 14
    bottom: float = 38
    left: float = 40


CONFIG: dict[str, Any] = {
    "background": INKS["paper"],
    "font": FONT,
    "view": {"stroke": None},
    "axis": {
        "labelColor": INKS["soft"], "titleColor": INKS["soft"], "gridColor": INKS["line"], "domainColor": INKS["line"],
        "labelFontSize": 11, "titleFontSize": 11, "titleFontWeight": "normal", "ticks": False, "labelPadding": 5, "aria": False,
    },
    "axisX": {"grid": False},
    "axisY": {"domain": False, "titleAngle": 0, "titleAlign": "left", "titleBaseline": "bottom", "titleX": -34, "titleY": -9},
    "legend": {"labelColor": INKS["soft"], "labelFontSize": 11, "symbolStrokeWidth": 0, "aria": False},
    "title": {"color": INKS["ink"], "subtitleColor": INKS["soft"], "fontSize": 13, "fontWeight": 600, "anchor": "start",
              "aria": False},
}  # fmt: skip


def specification(chart: Any) -> dict[str, Any]:
    """A finished chart as Vega-Lite, in the project's style."""
    return {**chart.to_dict(validate=False), "config": CONFIG}


def to_svg(chart: Any) -> str:
    """A finished chart as SVG text of its own.

    Raises:
        ConvatlasError: vl-convert is not installed.

    """
    return _svg(specification(chart))


def contents(chart: Any, kind: Literal["svg", "png"]) -> bytes:
    """A finished chart as the contents of a file; a PNG has two pixels a point.

    Raises:
        ConvatlasError: vl-convert is not installed.

    """
    if kind == "svg":
        return to_svg(chart).encode()
    drawn: bytes = renderer().vegalite_to_png(specification(chart), scale=2)
    return drawn


def _svg(made: dict[str, Any]) -> str:
    svg: str = renderer().vegalite_to_svg(made)
    return svg


def renderer() -> Any:
    """The library that draws charts without a browser.

    Raises:
        ConvatlasError: it or altair is not installed.

    """
    try:
        import altair  # noqa: F401 (what it draws is described by altair)
        import vl_convert
    except ImportError:
        raise ConvatlasError("charts need altair and vl-convert: pip install 'convatlas[charts]'") from None
    return vl_convert


def inline(chart: Any, name: str, margins: Margins = Margins()) -> str:  # noqa: B008 (it is immutable)
    """A chart of one plot as an SVG element that scales with the page and takes its colours; marks keep their descriptions."""
    made = specification(chart) | {"autosize": {"type": "none"}, "padding": margins._asdict()}
    root = ElementTree.fromstring(_svg(made))
    _simplify(root)
    width = float(root.attrib.pop("width"))
    del root.attrib["height"]
    root.remove(root[0])  # the paper behind it
    root.attrib |= {
        "class": "chart",
        "style": f"max-width:{width * _WIDEST:.0f}px",
        "role": "group",
        "tabindex": "0",
        "aria-label": name,
    }
    return ElementTree.tostring(root, encoding="unicode")


def _simplify(element: ElementTree.Element) -> None:
    """Leave out what tells a browser nothing, and round what it draws by."""
    element.tag = element.tag.rpartition("}")[2]
    if "aria-label" in element.attrib:
        element.set("role", "img")
    for name, value in list(element.attrib.items()):
        if name in _GEOMETRY:
            element.set(name, re.sub(r"(\d+\.\d)\d+", r"\1", value))
        elif name in ("fill", "stroke"):
            element.set(name, _VARIABLES.get(value, value))
        elif (name not in _KEPT and name != "role") or (name == "opacity" and value == "1"):
            del element.attrib[name]
    for child in list(element):
        _simplify(child)
        if _is_invisible(child):
            element.remove(child)


def _is_invisible(element: ElementTree.Element) -> bool:
    if element.tag == "path":
        unpainted = element.get("fill") == "none" and element.get("stroke") is None
        return unpainted or element.get("d", "") in ("", "M0,0h0v0h0Z")
    return element.tag == "title" or (element.tag == "g" and not len(element))
