"""The notes' pictures as SVG in the style of the report: they follow the page's colours, and every mark tells what it is."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import Any

from ..report.axes import log_domain, log_marks, width_of
from ..report.theme import INKS, SERIES, Margins, inline
from . import pictures
from .words import Language

_PANEL_WIDTH, _PANEL_HEIGHT = 306, 150
_PANEL_MARGINS = Margins(bottom=24, left=52)
_WIDE = 420  # a single chart with its margins
_STEP = 34  # from one stacked bar to the next
_ACCURACY_HEIGHT = 330
CHART_WORDS = {
    "notes": ("the notes' estimate", "笔记的估算"),
    "simulated": ("simulated peak", "模拟峰值"),
    "parameters": ("parameters", "参数"),
    "gradients": ("gradients", "梯度"),
    "optimizer state": ("optimizer state", "优化器状态"),
    "outputs, forward": ("outputs, forward", "前向输出"),
    "outputs, backward": ("outputs, backward", "反向输出"),
    "saved for backward": ("saved for backward", "为反向保存"),
    "other activations": ("other activations", "其他激活"),
    "gradients of activations": ("gradients of activations", "激活的梯度"),
    "temporaries": ("temporaries", "临时空间"),
    "input": ("input", "输入"),
}
NAMED = {"alexnet_2012": "AlexNet", "vgg16": "VGG-16", "mobilenet_v1": "MobileNet", "efficientnet_b0": "EfficientNet-B0",
         "nasnetalarge": "NASNet-A large"}  # labelled in the plot of accuracy  # fmt: skip
KINDS = {  # of networks in that plot: English, Chinese, families
    "series-0": ("AlexNet, ZFNet", "AlexNet、ZFNet", ("alexnet", "zfnet")),
    "series-1": ("VGG", "VGG", ("vgg",)),
    "series-3": ("ResNet and its kin", "ResNet 及其变体", ("resnet", "preact_resnet", "resnext", "senet")),
    "series-5": ("DenseNet", "DenseNet", ("densenet",)),
    "series-2": ("mobile", "移动端", ("mobilenet_v1", "mobilenet_v2", "mobilenet_v3", "shufflenet_v1", "shufflenet_v2", "squeezenet")),
    "series-4": ("searched or scaled", "搜索或缩放", ("nasnet", "mnasnet", "efficientnet", "efficientnet_v2", "regnet")),
    "series-7": ("others", "其他", ()),
}  # fmt: skip


def _chart(rows: pictures.Rows) -> Any:
    import altair as alt

    return alt.Chart(alt.InlineData(values=rows))


def _legend(names: dict[str, str]) -> str:
    """A line that tells the colours; ``names`` has what each ink means."""
    return f'<p class="legend">{"".join(f"""<span class="{ink}">{escape(name)}</span>""" for ink, name in names.items())}</p>'


def _facets(rows: pictures.Rows, caption: str, language: Language, *, several: bool = False) -> str:
    """One panel of bars for each quantity, side by side where there is room."""
    import altair as alt

    zh = language == "zh"
    networks = list(dict.fromkeys(row["network"] for row in rows)) if several else []
    panels = []
    for key, en, in_zh in pictures.QUANTITIES:
        title = in_zh if zh else en
        name, _, unit = title.rstrip(")").partition(" (")
        chosen = [
            row | {"about": f"{row['network'] + ', ' if several else ''}{row['label']}: {name} {row['value']:,.2f} {unit}"}
            for row in rows
            if row["quantity"] == key
        ]
        encoding: dict[str, Any] = {
            "x": alt.X("label:N", sort=None, title=None, axis=alt.Axis(labelAngle=0)),
            "y": alt.Y("value:Q", title=title, axis=alt.Axis(tickCount=4, titleX=6 - _PANEL_MARGINS.left)),
            "color": alt.value(INKS["series-0"]),
            "description": "about:N",
        }
        if several:
            colours = alt.Scale(domain=networks, range=SERIES)
            encoding |= {
                "xOffset": alt.XOffset("network:N", sort=networks),
                "color": alt.Color("network:N", scale=colours, legend=None),
            }
        chart = _chart(chosen).mark_bar().encode(**encoding).properties(width=_PANEL_WIDTH, height=_PANEL_HEIGHT)
        panels.append(inline(chart, f"{caption}: {title}", _PANEL_MARGINS))
    legend = _legend({f"series-{place}": network for place, network in enumerate(networks)}) if several else ""
    return f'{legend}<div class="panels">{"".join(f"<div>{panel}</div>" for panel in panels)}</div>'


def _stacked(rows: pictures.Rows, caption: str, title: str, unit: str) -> str:
    """A bar for each label, made of parts."""
    import altair as alt

    parts = list(dict.fromkeys(row["part"] for row in rows))
    labels = list(dict.fromkeys(row["label"] for row in rows))
    margins = Margins(top=4, left=max(map(width_of, labels)) + 10)
    told = [row | {"about": f"{row['label']}, {row['part']}: {row['value']:,.2f} {unit}"} for row in rows]
    chart = (
        _chart(told)
        .mark_bar(stroke=INKS["paper"], strokeWidth=1.5)
        .encode(
            x=alt.X("value:Q", title=title, axis=alt.Axis(tickCount=6, grid=True)),
            y=alt.Y("label:N", sort=None, title=None, axis=alt.Axis(labelLimit=0, titleX=0)),
            color=alt.Color("part:N", scale=alt.Scale(domain=parts, range=SERIES), legend=None),
            order="order:Q",
            description="about:N",
        )
        .properties(width=_WIDE - margins.left - margins.right, height=alt.Step(_STEP))
    )
    return _legend({f"series-{place}": part for place, part in enumerate(parts)}) + inline(chart, caption, margins)


def alexnet_layers(caption: str, language: Language) -> str:
    """Bars of AlexNet's layers."""
    return _facets(pictures.alexnet_layers(), caption, language)


def alexnet_and_vgg(caption: str, language: Language) -> str:
    """Bars of AlexNet's layers beside VGG-16's stages."""
    return _facets(pictures.alexnet_and_vgg(), caption, language, several=True)


def stems(caption: str, language: Language) -> str:
    """Bars of GoogLeNet's stem beside VGG-16 down to the same size."""
    return _facets(pictures.stems(), caption, language)


def blocks(caption: str, language: Language) -> str:
    """MACs of residual blocks, part by part."""
    return _stacked(pictures.blocks(), caption, "乘加 (HWC²)" if language == "zh" else "MACs (HWC²)", "HWC²")


def training_memory(caption: str, language: Language) -> str:
    """The notes' sum beside the simulated peak."""
    rows = [
        row | {key: CHART_WORDS.get(row[key], (row[key], row[key]))[language == "zh"] for key in ("label", "part")}
        for row in pictures.training_memory()
    ]
    return _stacked(rows, caption, "显存 (GB)" if language == "zh" else "memory (GB)", "GB")


def accuracy(caption: str, language: Language) -> str:
    """Top-1 accuracy against MACs, parameters as the area."""
    import altair as alt

    zh = language == "zh"
    ink_of = {family: ink for ink, (_, _, families) in KINDS.items() for family in families}
    rows = [
        row
        | {
            "ink": ink_of.get(row["family"], "series-7"),
            "shown": NAMED.get(row["name"], ""),
            "about": f"{row['name']}: {row['top1']:g} %, {row['gmacs']:.3g} G MACs, {row['mparams']:.3g} M {'参数' if zh else 'parameters'}",
        }
        for row in pictures.accuracy()
    ]
    low, high = log_domain([row["gmacs"] for row in rows])
    margins = Margins(left=44)
    x = alt.X(
        "gmacs:Q",
        title="乘加 (G，对数坐标)" if zh else "MACs (G, logarithmic)",
        scale=alt.Scale(type="log", domain=[low, high], nice=False),
        axis=alt.Axis(values=log_marks(low, high), format="~g"),
    )
    y = alt.Y(
        "top1:Q",
        title="论文公布的 top-1 准确率 (%)" if zh else "published top-1 accuracy (%)",
        scale=alt.Scale(zero=False),
        axis=alt.Axis(titleX=6 - margins.left),
    )
    base = _chart(rows).encode(x=x, y=y)
    points = base.mark_circle(opacity=0.7, stroke=INKS["paper"], strokeWidth=0.7).encode(
        size=alt.Size("mparams:Q", scale=alt.Scale(range=[14, 1100]), legend=None),
        color=alt.Color("ink:N", scale=alt.Scale(domain=list(KINDS), range=[INKS[ink] for ink in KINDS]), legend=None),
        order=alt.Order("mparams:Q", sort="descending"),
        description="about:N",
    )
    named = base.transform_filter("datum.shown != ''").encode(text="shown:N")
    words: dict[str, Any] = {"dy": -13, "fontSize": 10.5, "aria": False}
    labels = [
        named.mark_text(color=INKS["paper"], stroke=INKS["paper"], strokeWidth=4, **words),
        named.mark_text(color=INKS["ink"], **words),
    ]
    chart = alt.layer(points, *labels).properties(width=_WIDE - margins.left - margins.right, height=_ACCURACY_HEIGHT)
    return _legend({ink: in_zh if zh else en for ink, (en, in_zh, _) in KINDS.items()}) + inline(chart, caption, margins)


CHARTS: dict[str, Callable[[str, Language], str]] = {
    "alexnet_layers": alexnet_layers,
    "training_memory": training_memory,
    "alexnet_and_vgg": alexnet_and_vgg,
    "stems": stems,
    "blocks": blocks,
    "accuracy": accuracy,
}


def drawn(name: str, caption: str, language: Language) -> str:
    """A picture as HTML: its legend, and SVG elements that scale with the page.

    Raises:
        ConvatlasError: the charts' libraries are not installed.

    """
    return CHARTS[name](caption, language)
