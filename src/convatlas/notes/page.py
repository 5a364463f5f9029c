"""The notes as one page that needs no network: claims with their verdicts, to be filtered by verdict and by section."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from html import escape
from importlib.resources import files
from itertools import groupby
from typing import get_args

from ..report.document import document
from ..report.theme import renderer
from .charts import drawn
from .render import COLUMNS, by_section, cells
from .run import Record, Verdict
from .words import LECTURE_URL, Language, heading, tally, why, word

PICTURES = {  # section: charts, each with an English and a Chinese caption
    "alexnet": [("alexnet_layers", "AlexNet at 3x227x227, layer by layer", "AlexNet（输入 3×227×227）逐层开销")],
    "memory": [("training_memory", "VGG-16, batch 128, SGD with momentum, float32, CUDA", "VGG-16，batch 128，带动量的 SGD，float32，CUDA")],
    "alexnet_vgg": [("alexnet_and_vgg", "AlexNet and VGG-16, stage by stage", "AlexNet 与 VGG-16 逐阶段开销")],
    "googlenet": [("stems", "From the image to a map of 28x28: GoogLeNet's stem and VGG-16", "从输入图像到 28×28：GoogLeNet 的 stem 与 VGG-16")],
    "resnext": [("blocks", "Residual blocks for C = 64: MACs, part by part", "残差块（C = 64）各部分的乘加次数")],
    "summary": [("accuracy", "ImageNet accuracy as the papers publish it, against computed MACs; the area is the number of parameters",
                 "论文公布的 ImageNet 准确率与计算所得的乘加次数；面积表示参数量")],
}  # fmt: skip
TABLES = {
    "alexnet": ("AlexNet, layer by layer", "AlexNet 逐层表"),
    "googlenet_stem": ("GoogLeNet's stem", "GoogLeNet 的 stem"),
    "googlenet_head": ("GoogLeNet's head", "GoogLeNet 的头部"),
    "vgg_head": ("VGG-16's head", "VGG-16 的头部"),
    "resnet_stem": ("ResNet's stem", "ResNet 的 stem"),
}
TABLE_COLUMNS = {
    "geometry": ("shape", "形状"),
    "memory": ("memory (KB)", "内存 (KB)"),
    "params": ("params (k)", "参数量 (k)"),
    "flop": ("FLOPs (M)", "FLOPs (M)"),
}


def page(records: Sequence[Record], *, language: Language) -> str:
    """The page: the records by section, the notes' tables rebuilt, and the pictures of the sections that are there.

    Raises:
        ConvatlasError: the charts' libraries are not installed.

    """
    renderer()
    groups = list(by_section(records))
    title = escape(word("title", language))
    lecture = f'{escape(word("lecture", language))} <a href="{LECTURE_URL}" rel="noreferrer">{LECTURE_URL.partition("//")[2]}</a>'
    parts = [
        f'<header class="top"><h1>{title}</h1><p class="lecture">{lecture}</p><p>{escape(word("convention", language))}</p>',
        f'<p class="tally">{escape(tally(records, language))}</p><nav>{_links(groups, language)}</nav></header>',
        _filter(records, groups, language),
        "<main>",
        f'<p id="none" hidden>{escape(word("none", language))}</p>',
        *(_section(name, group, language) for name, group in groups),
        "</main><footer></footer>",
    ]
    return document(
        title=word("title", language),
        body="\n".join(parts),
        styles=[_asset("notes.css")],
        scripts=[_asset("notes.js")],
        language="zh-CN" if language == "zh" else "en",
    )


def _asset(name: str) -> str:
    return (files(__package__) / "assets" / name).read_text(encoding="utf-8")


def _links(groups: list[tuple[str, list[Record]]], language: Language) -> str:
    """The sections, each with how many of its claims differ."""
    links = []
    for name, group in groups:
        differing = sum(record.verdict == "differs" for record in group)
        note = f" <small>≠ {differing}</small>" if differing else ""
        links.append(f'<a href="#{name}">{escape(heading(name, language))}{note}</a>')
    return "".join(links)


def _filter(records: Sequence[Record], groups: list[tuple[str, list[Record]]], language: Language) -> str:
    """Buttons for the verdicts that there are, and a list of the sections."""
    counts = Counter(record.verdict for record in records)
    chosen = [("", word("all", language), len(records))]
    chosen += [(verdict, word(verdict, language), counts[verdict]) for verdict in get_args(Verdict) if counts[verdict]]
    buttons = "".join(
        f'<button type="button" data-choice="{verdict}" aria-pressed="{"false" if verdict else "true"}">'
        f"{escape(name)} <small>{count}</small></button>"
        for verdict, name, count in chosen
    )
    names = "".join(f'<option value="{name}">{escape(heading(name, language))}</option>' for name, _ in groups)
    every = escape(word("every section", language))
    return (
        f'<div class="filter"><div class="tools"><div class="switch" role="group" aria-label="{escape(word("verdict", language))}">'
        f'{buttons}</div><label>{escape(word("section", language))} <select id="section"><option value="">{every}</option>{names}'
        f'</select></label><span class="status" role="status" data-words="{escape(word("shown", language))}"></span></div></div>'
    )


def _section(name: str, records: list[Record], language: Language) -> str:
    parts = [f'<section id="{name}"><h2>{escape(heading(name, language))}</h2>']
    for chart, en, zh in PICTURES.get(name, []):
        caption = zh if language == "zh" else en
        parts.append(f"<figure>{drawn(chart, caption, language)}<figcaption>{escape(caption)}</figcaption></figure>")
    for table, group in groupby(records, lambda record: record.claim.table[0]):
        found = list(group)
        parts.append(_layer_table(table, found, language) if table else _claims(found, language))
    return "".join([*parts, "</section>"])


def _claims(records: list[Record], language: Language) -> str:
    heads = "".join(f'<th scope="col"{_number(i)}>{escape(word(key, language))}</th>' for i, key in enumerate(COLUMNS))
    rows = "".join(_claim(record, language) for record in records)
    return f'<table class="claims" data-table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>'


def _claim(record: Record, language: Language) -> str:
    """A row; where there is no room for it, its cells stand below each other and say what they are."""
    claim, published, computed, verdict, found = (escape(text) for text in cells(record, language))
    if reason := why(record.claim, language):
        claim += f'<span class="why">{escape(reason)}</span>'
    heads = [escape(word(key, language), quote=True) for key in ("published", "computed")]
    return (
        f'<tr data-verdict="{record.verdict}" id="{record.claim.id}"><td class="claim">{claim}</td>'
        f'<td class="published n" data-head="{heads[0]}">{published}</td>'
        f'<td class="computed n" data-head="{heads[1]}">{computed or "–"}</td>'
        f'<td class="verdict">{verdict}</td><td class="origin">{found}</td></tr>'
    )


def _number(place: int) -> str:
    return ' class="n"' if place in (1, 2) else ""


def _layer_table(table: str, records: list[Record], language: Language) -> str:
    """A table of layers as on the slide: published and computed in one cell where they are not the same digits."""
    columns = [key for key in TABLE_COLUMNS if any(record.claim.table[2] == key for record in records)]
    zh = language == "zh"
    heads = "".join(
        f'<th scope="col"{_number(1 if i else 0)}>{escape(TABLE_COLUMNS[key][zh])}</th>' for i, key in enumerate(columns)
    )
    rows, reasons = [], []
    for row, group in groupby(records, lambda record: record.claim.table[1]):
        found = {record.claim.table[2]: record for record in group}
        cells_of_row = "".join(_layer_cell(found.get(key), key, language) for key in columns)
        rows.append(f'<tr><th scope="row">{escape(row)}</th>{cells_of_row}</tr>')
        for record in found.values():
            if reason := why(record.claim, language):
                reasons.append(f"<li>{escape(row)}, {escape(TABLE_COLUMNS[record.claim.table[2]][zh])}: {escape(reason)}</li>")
    notes = f'<ul class="reasons">{"".join(reasons)}</ul>' if reasons else ""
    title = escape(TABLES[table][zh])
    grid = f'<table class="layers"><thead><tr><td></td>{heads}</tr></thead><tbody>{"".join(rows)}</tbody></table>'
    return f"<div data-table><h3>{title}</h3>{grid}{notes}</div>"


def _layer_cell(record: Record | None, column: str, language: Language) -> str:
    kind = "shape" if column == "geometry" else "n"
    head = f'data-head="{escape(TABLE_COLUMNS[column][language == "zh"], quote=True)}"'
    if record is None:
        return f'<td class="{kind}" {head}>–</td>'
    published, computed = (escape(text).replace("-&gt;", "→") for text in (record.claim.published.text, _short(record)))
    if record.verdict == "differs":
        both = f"<s>{published}</s> <b>{computed}</b>"
    elif record.verdict == "holds":
        both = published
    else:
        both = f'{published} <span class="soft">({computed})</span>'
    return f'<td class="{kind}" {head} data-verdict="{record.verdict}">{both}</td>'


def _short(record: Record) -> str:
    """The computed value in the column's unit."""
    if isinstance(record.computed, int | float):
        return f"{record.computed / record.claim.published.factor:,.2f}"
    return str(record.computed)
