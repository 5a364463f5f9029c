"""The page of a choice: all candidates as dots and as rows, to be filtered and looked at one by one; it opens with no network."""

from __future__ import annotations

import json
from html import escape
from typing import Any

from ...design import FIGURES, Candidate, Figure, Selection
from ..document import asset, document, scrolling
from .chart import conditions

_SHOWN = ("accuracy", "real", "v2", "sketch", "a", "r", "robust", "speed", "params", "macs", "memory")


def render_choice(found: Selection, x: Figure, y: Figure, area: Figure) -> str:
    """The page; ``x``, ``y`` and ``area`` are what its chart begins with."""
    figures = [FIGURES[key] for key in _SHOWN if any(FIGURES[key].value(each) is not None for each in found.rows)]
    records = [_record(each, figures, "") for each in found.rows]
    records += [_record(miss.candidate, figures, miss.in_words) for miss in found.misses]
    data = {
        "figures": [{"key": each.key, "title": each.title, "unit": each.unit, "more": each.more_is_better} for each in figures],
        "networks": records,
        "start": {"x": x.key, "y": y.key, "area": area.key},
    }
    text = json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")
    body = f"""<a class="skip" href="#main">Skip to the content</a>
<header class="top"><h1>Which network?</h1><p>{escape(conditions(found))}.</p></header>
<main id="main" tabindex="-1"><h2>{len(found.rows):,} of {len(records):,} networks fit</h2><p class="advice">{escape(found.advice)}</p>
<div class="tools choice">
<label>Search <input type="search" id="search" placeholder="convnext 224" autocomplete="off" spellcheck="false"></label>
{_select("x", "Across", figures)}{_select("y", "Upwards", figures)}{_select("area", "Area", figures)}
<label><input type="checkbox" id="misses"> what misses the limits too</label>
<label><input type="checkbox" id="front"> the front alone</label>
<span class="status" role="status" id="count"></span></div>
<p class="legend"><span class="linear">on the front</span><span class="conv">fits</span><span class="other">misses a limit</span></p>
<div class="plot"><svg id="plot" class="chart" viewBox="0 0 900 460" role="group" tabindex="0" aria-label="The networks as dots"></svg>
<aside id="card" aria-live="polite"><p class="hint">Click on a dot or a row: its card.</p></aside></div>
<section><h3>The networks</h3>{scrolling('<table id="rows"><thead></thead><tbody></tbody></table>', "Networks", tall=True)}</section></main>
<script type="application/json" id="data">{text}</script>
<footer><p>Made by convatlas: published accuracies beside costs from the networks' graphs; times are predicted.</p></footer>"""
    return document(title="Which network?", body=body, styles=[asset("choice.css")], scripts=[asset("choice.js")])


def _select(name: str, label: str, figures: list[Figure]) -> str:
    options = "".join(f'<option value="{each.key}">{each.title}</option>' for each in figures)
    return f'<label>{label} <select id="{name}">{options}</select></label>'


def _record(of: Candidate, figures: list[Figure], misses: str) -> dict[str, Any]:
    shown = {figure.key: figure.show(value) for figure in figures if (value := figure.value(of)) is not None}
    if of.latency_interval_ms:
        low, high = (FIGURES["speed"].show(each) for each in of.latency_interval_ms)
        shown["speed"] += f" ({low} to {high})"
    return {
        "name": of.word,
        "input": "x".join(map(str, of.input_size)),
        "pretrained": of.pretrained,
        "source": of.source,
        "front": of.on_front,
        "misses": misses,
        "values": {figure.key: figure.value(of) for figure in figures},
        "shown": shown,
    }
