"""One training as one HTML file: what came out, the curves, what it takes for what, and how to have it again."""

from __future__ import annotations

import base64
import io
import shlex
from collections.abc import Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any

from PIL import Image

from ...files import atomic_write
from ...train.review import Mistake, review
from ...train.run import Run
from ..document import document, scrolling
from ..numbers import in_bytes
from ..theme import renderer
from .charts import accuracy_chart, loss_chart, rate_chart

_MOST_CLASSES = 40  # of which a table of mistakes can be read
_DEEPEST_TINT = 45  # percent, of the most frequent mistake
_PICTURE = 112  # pixels of a side


def write_run_page(run: Run) -> Path:
    """Write ``report.html`` into a run's folder, whole or not at all; returns where.

    Raises:
        ConvatlasError: the run has not ended an epoch, or the charts' libraries are not installed.
    """
    place = run.folder / "report.html"
    with atomic_write(place) as file:
        file.write(render_run(run).encode())
    return place


def render_run(run: Run) -> str:
    """The page of a run.

    Raises:
        ConvatlasError: the run has not ended an epoch, or the charts' libraries are not installed.
    """
    renderer()
    scores, mistakes = review(run)
    rows, record = run.metrics, run.record
    title = f"{run.job.model} on {run.job.data}"
    parts = [
        f'<header class="top"><h1>A training</h1><h2>{escape(title)}</h2><p>{escape(_conditions(record))}</p></header>',
        "<main>",
        _cards(run),
        _section("How it went", _curves(rows)),
        _section("What it takes for what", _confusion(run.classes, scores.confusion.tolist())),
        _section("The worst mistakes", _mistakes(mistakes)),
        _section("Cost", _cost(record, rows)),
        _section("Again", _again(record)),
        "</main>",
        "<footer><p>Made by convatlas from the run's own records.</p></footer>",
    ]
    style = (files("convatlas.report") / "assets" / "run.css").read_text(encoding="utf-8")
    return document(title=title, body="\n".join(parts), styles=[style], scripts=[])


def _section(title: str, body: str) -> str:
    return f"<section><h3>{title}</h3>{body}</section>"


def _conditions(record: dict[str, Any]) -> str:
    job, plan, host = record["job"], record["plan"], record["host"]
    return (
        f"{plan['parameters']:,} parameters, images of {plan['channels']}×{plan['size']}×{plan['size']}, "
        f"{plan['train_images']:,} to train on and {plan['val_images']:,} to validate on, {plan['classes']} classes; "
        f"recipe {job['recipe']['name']}, {job['recipe']['epochs']} epochs, batch {job['recipe']['batch']}, seed {job['seed']}, "
        f"{job['precision']}, {host['device']}, {_many(host['threads'], 'thread')}, {_many(host['processes'], 'process')}"
    )


def _many(count: int, of: str) -> str:
    return f"{count} {of}" + ("" if count == 1 else "es" if of.endswith("s") else "s")


def _cards(run: Run) -> str:
    best, last = run.best, run.metrics[-1]
    assert best is not None
    top5 = "" if best["val_top5"] is None else f"{best['val_top5']:.2f} % top-5"
    cards = [
        ("Best accuracy", f"{best['val_top1']:.2f}", "% top-1", top5),
        ("Validation loss", f"{best['val_loss']:.4f}", "", "mean cross-entropy, not smoothed"),
        ("Best epoch", f"{best['epoch']}", f"of {last['epoch']}", "its weights lie in best/"),
        ("Speed", f"{last['images_per_second']:,.0f}", "images/s", "of the last epoch, validation apart"),
        ("Time", f"{last['seconds'] / 60:,.1f}", "min", "of training, validation and all"),
    ]
    rows = "".join(
        f'<div><dt>{name}</dt><dd class="figure"><b>{figure}</b> <span>{unit}</span></dd><dd>{note}</dd></div>'
        for name, figure, unit, note in cards
    )
    return f'<dl class="cards">{rows}</dl>'


def _curves(rows: Sequence[dict[str, Any]]) -> str:
    legend = '<p class="legend"><span class="series-0">training</span><span class="series-1">validation</span></p>'
    hint = (
        '<p class="hint">Training loss is of varied images, with labels smoothed or mixed where the recipe does so; validation loss of '
        "neither, and of the averaged weights where there are some. So the two do not meet.</p>"
    )
    figures = [
        f"<figure><figcaption>Loss</figcaption>{legend}{loss_chart(rows)}</figure>",
        f"<figure><figcaption>Accuracy</figcaption>{accuracy_chart(rows)}</figure>",
        f"<figure><figcaption>Learning rate</figcaption>{rate_chart(rows)}</figure>",
    ]
    return f'<div class="panels">{"".join(figures)}</div>{hint}'


def _confusion(classes: Sequence[str], table: Sequence[Sequence[int]]) -> str:
    if len(classes) > _MOST_CLASSES:
        return _pairs(classes, table)
    largest = max((value for i, row in enumerate(table) for j, value in enumerate(row) if i != j), default=0) or 1
    head = "".join(f'<th scope="col" class="n">{escape(name)}</th>' for name in classes)
    body = []
    for i, (name, row) in enumerate(zip(classes, table, strict=True)):
        cells = "".join(_cell(value, i == j, value / largest) for j, value in enumerate(row))
        share = 100 * row[i] / max(sum(row), 1)
        body.append(f'<tr><th scope="row">{escape(name)}</th>{cells}<td class="n">{share:.1f}</td></tr>')
    table_html = (
        f'<table class="confusion"><thead><tr><th scope="col">truth</th>{head}<th scope="col" class="n">right (%)</th></tr></thead>'
        f"<tbody>{''.join(body)}</tbody></table>"
    )
    hint = (
        '<p class="hint">Rows: what the images show. Columns: what the best weights take them for. Images; mistakes are tinted.</p>'
    )
    return hint + scrolling(table_html, "Images by class and by predicted class")


def _cell(value: int, right: bool, share: float) -> str:
    if right:
        return f'<td class="n right">{value:,}</td>'
    return f'<td class="n wrong" style="--share:{_DEEPEST_TINT * share:.0f}%">{f"{value:,}" if value else "·"}</td>'


def _pairs(classes: Sequence[str], table: Sequence[Sequence[int]]) -> str:
    """For many classes: the pairs that are confused most."""
    pairs = sorted(((value, i, j) for i, row in enumerate(table) for j, value in enumerate(row) if i != j and value), reverse=True)[
        :_MOST_CLASSES
    ]
    rows = "".join(
        f'<tr><td>{escape(classes[i])}</td><td>{escape(classes[j])}</td><td class="n">{value:,}</td></tr>' for value, i, j in pairs
    )
    head = '<tr><th scope="col">truth</th><th scope="col">taken for</th><th scope="col" class="n">images</th></tr>'
    return scrolling(f"<table><thead>{head}</thead><tbody>{rows}</tbody></table>", "The pairs of classes that are confused most")


def _mistakes(mistakes: Sequence[Mistake]) -> str:
    if not mistakes:
        return "<p>None: every validation image is told right.</p>"
    figures = "".join(
        f'<figure><img src="{_picture(mistake.picture)}" alt="{escape(mistake.name, quote=True)}" width="{_PICTURE}" height="{_PICTURE}">'
        f"<figcaption><b>{escape(mistake.truth)}</b> taken for <b>{escape(mistake.predicted)}</b> ({mistake.probability:.0%})"
        f"<small>{escape(mistake.name)}, loss {mistake.loss:.2f}</small></figcaption></figure>"
        for mistake in mistakes
    )
    return f'<p class="hint">Validation images that cost the best weights most.</p><div class="mistakes">{figures}</div>'


def _picture(image: Image.Image) -> str:
    """A PNG in the page's own text: small images enlarged pixel by pixel, large ones reduced."""
    square = max(image.size)
    scaled = image.resize(
        (max(1, round(image.width * _PICTURE / square)), max(1, round(image.height * _PICTURE / square))),
        Image.Resampling.NEAREST if square <= _PICTURE else Image.Resampling.LANCZOS,
    )
    made = io.BytesIO()
    scaled.save(made, "PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(made.getvalue()).decode()}"


def _cost(record: dict[str, Any], rows: Sequence[dict[str, Any]]) -> str:
    plan, measured = record["plan"], record.get("measured", {})
    predicted = "unknown: the network cannot be traced" if plan["peak_bytes"] is None else in_bytes(plan["peak_bytes"])
    if plan["at_least"]:
        predicted = f"at least {predicted}"
    peak = in_bytes(measured["peak_bytes"]) if measured else "unknown"
    what = "of tensors" if measured.get("of") == "tensors" else "of the whole process: Python, libraries and images too"
    lines = [
        ("Memory at the peak, predicted", f"{predicted} of tensors", "a training step or validation, simulated from the graph"),
        ("Memory at the peak, measured", f"{peak} {what}", "the most that this process has had"),
        ("Time an epoch, measured", f"{rows[-1]['seconds'] / len(rows):,.1f} s", "the mean, validation and all"),
    ]
    body = "".join(f'<tr><th scope="row">{name}</th><td>{escape(value)}</td><td>{note}</td></tr>' for name, value, note in lines)
    return scrolling(f"<table><tbody>{body}</tbody></table>", "Memory and time")


def _again(record: dict[str, Any]) -> str:
    versions = ", ".join(f"{name} {number}" for name, number in record["versions"].items())
    resumed = len(record.get("resumed", []))
    times = f" It went on after {_many(resumed, 'stop')}, which changes no bit." if resumed else ""
    return (
        f"<pre>{escape(shlex.join(record['command']))}</pre>"
        f'<p class="hint">On {escape(record["host"]["cpu"])}, {escape(record["host"]["system"])}; {escape(versions)}.{times}</p>'
    )
