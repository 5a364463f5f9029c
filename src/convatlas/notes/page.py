"""The notes as one page that needs no script and no network."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from itertools import groupby

from .charts import svg
from .render import COLUMNS, by_section, cells
from .run import Record
from .words import Language, heading, tally, why, word

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
STYLE = """
:root{color-scheme:light dark;--ink:#1c1e21;--soft:#667;--line:#d8dbe0;--paper:#fff;--good:#1a7f37;--bad:#c0272d;--mark:#fdeaea}
@media(prefers-color-scheme:dark){:root{--ink:#e6e8ea;--soft:#9aa3ad;--line:#3a3f46;--paper:#16181c;--good:#57c878;--bad:#ff7b72;--mark:#43211f}}
*{box-sizing:border-box}body{margin:0 auto;max-width:64rem;padding:1rem;font:16px/1.55 system-ui,"Noto Sans CJK SC","PingFang SC","Microsoft YaHei",sans-serif;color:var(--ink);background:var(--paper)}
h1{font-size:1.7rem;line-height:1.2}h2{margin-top:2.5rem;border-bottom:1px solid var(--line)}h3{margin:1.5rem 0 .3rem}
nav a{margin-right:.9rem}a{color:inherit}.soft,caption{color:var(--soft);font-size:.9rem}.tally{font-weight:600}
.wide{overflow-x:auto}.c{min-width:16rem}table{border-collapse:collapse;width:100%;font-size:.9rem}th,td{padding:.3rem .6rem;border-bottom:1px solid var(--line);text-align:left;vertical-align:top}
th{white-space:nowrap}.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}.v,.shape{white-space:nowrap}
td.holds{color:var(--good)}td.v.differs,td.differs{color:var(--bad);font-weight:600}tr.differs,td.differs{background:var(--mark)}td.not{color:var(--soft)}
figure{margin:1.2rem 0}figure div{background:#fff;border:1px solid var(--line);border-radius:6px;padding:.6rem;overflow-x:auto}figure svg{display:block;width:100%;min-width:34rem;height:auto}
figcaption{color:var(--soft);font-size:.9rem;margin-top:.3rem}s{color:var(--soft)}
@media print{nav{display:none}h2{break-after:avoid}tr,figure{break-inside:avoid}}
"""


def page(records: Sequence[Record], *, language: Language) -> str:
    """The page: the records by section, the notes' tables rebuilt, and the pictures of the sections that are there."""
    groups = list(by_section(records))
    links = "".join(f'<a href="#{name}">{escape(heading(name, language))}</a> ' for name, _ in groups)
    title = escape(word("title", language))
    parts = [
        f'<!doctype html>\n<html lang="{"zh-CN" if language == "zh" else "en"}"><head><meta charset="utf-8">',
        f'<meta name="viewport" content="width=device-width,initial-scale=1"><title>{title}</title><style>{STYLE}</style></head><body>',
        f'<h1>{title}</h1><p class="soft">{escape(word("convention", language))}</p>',
        f'<p class="tally">{escape(tally(records, language))}</p><nav>{links}</nav>',
        *(_section(name, group, language) for name, group in groups),
        "</body></html>\n",
    ]
    return "\n".join(parts)


def _section(name: str, records: list[Record], language: Language) -> str:
    parts = [f'<section id="{name}"><h2>{escape(heading(name, language))}</h2>']
    for chart, en, zh in PICTURES.get(name, []):
        caption = escape(zh if language == "zh" else en)
        parts.append(
            f'<figure><div role="img" aria-label="{caption}">{svg(chart, language)}</div><figcaption>{caption}</figcaption></figure>'
        )
    for table, group in groupby(records, lambda record: record.claim.table[0]):
        found = list(group)
        parts.append(_layer_table(table, found, language) if table else _claims(found, language))
    return "".join([*parts, "</section>"])


def _claims(records: list[Record], language: Language) -> str:
    heads = "".join(f'<th scope="col"{_number(i)}>{escape(word(key, language))}</th>' for i, key in enumerate(COLUMNS))
    return f'<div class="wide"><table><thead><tr>{heads}</tr></thead><tbody>{"".join(_claim(record, language) for record in records)}</tbody></table></div>'


def _claim(record: Record, language: Language) -> str:
    kind = record.verdict.partition(" ")[0]
    texts = [escape(text) for text in cells(record, language)]
    if reason := why(record.claim, language):
        texts[0] += f'<br><span class="soft">{escape(reason)}</span>'
    tds = [f"<td{_number(i)}>{text}</td>" for i, text in enumerate(texts)]
    tds[0] = tds[0].replace("<td>", '<td class="c">', 1)
    tds[3] = f'<td class="v {kind}">{texts[3]}</td>'
    return f'<tr class="{kind}" id="{record.claim.id}">{"".join(tds)}</tr>'


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
        cells_of_row = "".join(_layer_cell(found.get(key), place) for place, key in enumerate(columns))
        rows.append(f'<tr><th scope="row">{escape(row)}</th>{cells_of_row}</tr>')
        for record in found.values():
            if reason := why(record.claim, language):
                reasons.append(f"<li>{escape(row)}, {escape(TABLE_COLUMNS[record.claim.table[2]][zh])}: {escape(reason)}</li>")
    notes = f'<ul class="soft">{"".join(reasons)}</ul>' if reasons else ""
    return (
        f'<h3>{escape(TABLES[table][zh])}</h3><div class="wide"><table><thead><tr><th></th>{heads}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>{notes}"
    )


def _layer_cell(record: Record | None, place: int) -> str:
    if record is None:
        return "<td></td>"
    published, computed = (escape(text).replace("-&gt;", "→") for text in (record.claim.published.text, _short(record)))
    if record.verdict == "differs":
        both = f"<s>{published}</s> {computed}"
    elif record.verdict == "holds":
        both = published
    else:
        both = f'{published} <span class="soft">({computed})</span>'
    kind = "differs" if record.verdict == "differs" else "n" if place else "shape"
    return f'<td class="{kind}">{both}</td>'


def _short(record: Record) -> str:
    """The computed value in the column's unit."""
    if isinstance(record.computed, int | float):
        return f"{record.computed / record.claim.published.factor:,.2f}"
    return str(record.computed)
