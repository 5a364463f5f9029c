"""The notes' pictures as SVG, by altair and vl-convert: they need no script and no network to be seen."""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

from ..errors import ConvatlasError
from . import pictures
from .words import Language

WIDTH = 620
NAMED = ["alexnet_2012", "vgg16", "mobilenet_v1", "efficientnet_b0", "nasnetalarge"]  # labelled in the plot of accuracy
COLOURS = ["#4e79a7", "#f28e2b", "#59a14f", "#b07aa1", "#e15759", "#76b7b2", "#9c755f", "#edc948", "#ff9da7", "#8c8c8c"]
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


def _chart(data: pictures.Rows) -> Any:
    import altair as alt

    return alt.Chart.from_dict({"data": {"values": data}, "mark": "bar"})


def _facets(rows: pictures.Rows, language: Language, *, colour: str | None = None, height: int = 130) -> Any:
    """One panel of bars for each quantity, side by side."""
    import altair as alt

    panels = []
    for key, en, zh in pictures.QUANTITIES:
        chosen = [row for row in rows if row["quantity"] == key]
        encoding: dict[str, Any] = {
            "x": alt.X("label:N", sort=None, title=None, axis=alt.Axis(labelAngle=-60)),
            "y": alt.Y("value:Q", title=zh if language == "zh" else en),
        }
        if colour:
            encoding |= {"xOffset": f"{colour}:N", "color": alt.Color(f"{colour}:N", title=None, legend=alt.Legend(orient="top"))}
        panels.append(_chart(chosen).mark_bar(color=COLOURS[0]).encode(**encoding).properties(width=WIDTH / 3 - 30, height=height))
    return alt.hconcat(*panels)


def alexnet_layers(language: Language) -> Any:
    """Bars of AlexNet's layers."""
    return _facets(pictures.alexnet_layers(), language)


def alexnet_and_vgg(language: Language) -> Any:
    """Bars of AlexNet's layers beside VGG-16's stages."""
    return _facets(pictures.alexnet_and_vgg(), language, colour="network")


def stems(language: Language) -> Any:
    """Bars of GoogLeNet's stem beside VGG-16 down to the same size."""
    return _facets(pictures.stems(), language)


def _stacked(rows: pictures.Rows, title: str) -> Any:
    import altair as alt

    order = list(dict.fromkeys(row["part"] for row in rows))
    return (
        _chart(rows)
        .mark_bar(stroke="white", strokeWidth=1)
        .encode(
            x=alt.X("value:Q", title=title),
            y=alt.Y("label:N", sort=None, title=None, axis=alt.Axis(labelLimit=200)),
            color=alt.Color("part:N", sort=order, title=None, scale=alt.Scale(domain=order, range=COLOURS)),
            order="order:Q",
        )
        .properties(width=WIDTH - 220, height=alt.Step(34))
    )


def blocks(language: Language) -> Any:
    """MACs of residual blocks, part by part."""
    return _stacked(pictures.blocks(), "乘加 (HWC²)" if language == "zh" else "MACs (HWC²)")


def training_memory(language: Language) -> Any:
    """The notes' sum beside the simulated peak."""
    rows = [
        row | {key: CHART_WORDS.get(row[key], (row[key], row[key]))[language == "zh"] for key in ("label", "part")}
        for row in pictures.training_memory()
    ]
    return _stacked(rows, "显存 (GB)" if language == "zh" else "memory (GB)")


def accuracy(language: Language) -> Any:
    """Top-1 accuracy against MACs, parameters as the area."""
    import altair as alt

    zh = language == "zh"
    rows = pictures.accuracy()
    base = _chart(rows).encode(
        x=alt.X("gmacs:Q", scale=alt.Scale(type="log"), title="乘加 (G，对数坐标)" if zh else "MACs (G, logarithmic)"),
        y=alt.Y(
            "top1:Q", scale=alt.Scale(zero=False), title="论文公布的 top-1 准确率 (%)" if zh else "published top-1 accuracy (%)"
        ),
    )
    points = base.mark_circle(opacity=0.55, stroke="white").encode(
        size=alt.Size("mparams:Q", scale=alt.Scale(range=[12, 1600]), title="参数量 (M)" if zh else "parameters (M)"),
        color=alt.Color("family:N", title=None, scale=alt.Scale(scheme="tableau20")),
    )
    labels = (
        base.transform_filter(alt.FieldOneOfPredicate(field="name", oneOf=NAMED))
        .mark_text(dy=-14, fontSize=10)
        .encode(text="name:N")
    )
    return (points + labels).properties(width=WIDTH - 150, height=400)


CHARTS: dict[str, Callable[[Language], Any]] = {
    "alexnet_layers": alexnet_layers,
    "training_memory": training_memory,
    "alexnet_and_vgg": alexnet_and_vgg,
    "stems": stems,
    "blocks": blocks,
    "accuracy": accuracy,
}


def svg(name: str, language: Language) -> str:
    """A chart as an SVG element that scales with the page.

    Raises:
        ConvatlasError: altair or vl-convert is not installed.

    """
    if not (find_spec("altair") and find_spec("vl_convert")):
        raise ConvatlasError("a page with charts needs altair and vl-convert: pip install 'convatlas[charts]'")
    import vl_convert

    chart = CHARTS[name](language).configure_view(stroke=None).configure(background="transparent", font="sans-serif")
    text: str = vl_convert.vegalite_to_svg(chart.to_json(validate=False))
    return _unique_ids(re.sub(r'<svg ([^>]*?)width="[\d.]+" height="[\d.]+"', r"<svg \1", text, count=1), name)


def _unique_ids(text: str, name: str) -> str:
    """Prefix the ids of clip paths, which would clash when several charts share a page."""
    return re.sub(r'(id="|url\(#|href="#)', rf"\g<1>{name}-", text)
