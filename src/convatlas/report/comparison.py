"""Several networks side by side: a table with ratios to the first, and small charts of the same kind."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from typing import NamedTuple

from ..accuracy import Accuracy, best_of, legend
from ..analysis.memory import step_in_words
from ..catalogue import accuracy_of
from ..sizes import milliseconds
from . import rows
from .document import breakable, scrolling
from .latency import time_in_words
from .network import Network, batch_of
from .numbers import in_short, ratio, scale, scaled, square
from .panels import stage_margins, stage_panel, total_margins, total_panel
from .plots import FIELD_MARGINS, MARGINS, balance_chart, field_chart
from .theme import inline


class _Measure(NamedTuple):
    """A column of the comparison."""

    key: str
    title: str
    value: Callable[[Network], float | None]
    in_bytes: bool = False
    of_operations: bool = False  # at least this much where ops were not counted
    best: Callable[[Sequence[float]], float] = min


def _training_bytes(network: Network) -> float | None:
    return None if network.shown_step is None else network.shown_step.peak_bytes


def _milliseconds(network: Network) -> float | None:
    return None if network.latency is None else network.latency.milliseconds


_UNITS = {"intensity": "FLOPs/B", "milliseconds": "ms"}  # of what is written as it is
_MEASURES = (
    _Measure("params", "Parameters", lambda network: network.summary.params),
    _Measure("macs", "MACs", lambda network: network.summary.macs, of_operations=True),
    _Measure("flops", "FLOPs", lambda network: network.summary.flops, of_operations=True),
    _Measure("activation_bytes", "Activation memory", lambda network: network.summary.activation_bytes, in_bytes=True),
    _Measure("training_bytes", "Training memory", _training_bytes, in_bytes=True),
    _Measure("milliseconds", "Predicted time", _milliseconds),
    _Measure("bytes_moved", "Bytes moved", lambda network: network.summary.bytes_moved, in_bytes=True),
    _Measure("intensity", "Intensity", lambda network: network.summary.intensity, of_operations=True, best=max),
)


def comparison(found: Sequence[Network]) -> str:
    """The section that stands before the networks; "" where there is one network."""
    if len(found) < 2:
        return ""
    shared = len({network.conditions for network in found}) == 1
    conditions = found[0].conditions if shared else "under the conditions that stand beside each name"
    totals = "".join(
        f"<figure>{inline(total_panel(found, quantity), f'{quantity.title} of each network', total_margins(found))}</figure>"
        for quantity in rows.TOTALS
        if any(rows.total_rows(found, quantity))
    )
    growth = (
        inline(field_chart(found), "Receptive field of each network against depth", FIELD_MARGINS)
        if any(map(rows.field_rows, found))
        else ""
    )
    balance = inline(balance_chart(found), "MACs of each network against the bytes that it moves", MARGINS)
    names = "".join(f'<span class="series-{place % 8}">{escape(network.title)}</span>' for place, network in enumerate(found))
    names = f'<p class="legend">{names}</p>'
    growth_hint = '<p class="hint">The largest so far; a ring marks where it first exceeds the image.</p>'
    balance_hint = '<p class="hint">The area of a dot tells the parameters.</p>'
    stages = "".join(
        f"<figure><figcaption>{escape(network.title)}</figcaption>"
        f"{inline(stage_panel(network), f'Shares of the stages of {network.title}', stage_margins(network))}</figure>"
        for network in found
    )
    panels = f'<div class="panels">{totals}</div>'
    kinds = {"pool": "activation memory", "linear": "parameters", "conv": "MACs"}  # as the stages' bars are coloured
    legend = "".join(f'<span class="{colour}">{name}</span>' for colour, name in kinds.items())
    where = f'<p class="legend">{legend}</p><div class="panels">{stages}</div>'
    return (
        f'<section id="comparison" aria-labelledby="comparison-title"><h2 id="comparison-title">Side by side</h2>'
        f'<p class="conditions">{escape(conditions)}</p>{_table(found, shared)}'
        f"{_part('totals', 'Totals', panels)}{_part('where', 'Where the costs lie', where)}"
        f'<div class="pair">{_part("growth", "Growth of the receptive field", growth and growth_hint + names + growth)}'
        f"{_part('balance', 'Compute against memory traffic', balance_hint + names + balance)}</div>"
        "</section>"
    )


def _part(key: str, title: str, body: str) -> str:
    return f'<section aria-labelledby="{key}-title"><h3 id="{key}-title">{title}</h3>{body}</section>' if body else ""


def _table(found: Sequence[Network], shared: bool) -> str:
    heads, columns = [], []
    for measure in _MEASURES:
        values = [measure.value(network) or 0.0 for network in found]
        if measure.key in ("training_bytes", "milliseconds") and not any(values):
            continue
        own_unit = _UNITS.get(measure.key)
        divisor, unit = (1.0, own_unit) if own_unit else scale(max(values), in_bytes=measure.in_bytes)
        heads.append(f'<th scope="col" class="n">{measure.title}{f" <small>{unit}</small>" if unit else ""}</th>')
        columns.append([_cell(measure, network, found, divisor) for network in found])
    finals = [network.summary.receptive_field for network in found]
    heads.append('<th scope="col" class="n">Receptive field <small>px</small></th>')
    columns.append([f'<td class="n">{square(final.size) if final else "none"}</td>' for final in finals])
    accuracies = [accuracy_of(network.graph.name) for network in found]
    columns += _accuracy_columns(accuracies, heads)
    body = ""
    for place, network in enumerate(found):
        note = "" if shared else f"<small>{escape(network.conditions)}</small>"
        name = f'<a href="#network-{network.index}">{breakable(network.title)}</a>{note}'
        body += f'<tr><th scope="row">{name}</th>{"".join(column[place] for column in columns)}</tr>'
    caption = f"×: ratio to {escape(found[0].title)}. Bold: the least of a column, for intensity the most; of accuracies the best on each data set."
    if any(network.summary.uncounted for network in found):
        caption += " ≥: some ops were not counted, so there is no ratio."
    if explained := legend(accuracies):
        caption += f" Top-1: {escape(explained)}."
    caption += _unused(found) + _training_conditions(found) + _time_conditions(found)
    head = f'<thead><tr><th scope="col">Network</th>{"".join(heads)}</tr></thead>'
    table = scrolling(f'<table class="comparison">{head}<tbody>{body}</tbody></table>', "Comparison")
    return f'{table}<p class="hint">{caption}</p>'


def _written(measure: _Measure, value: float, divisor: float) -> str:
    if measure.key == "milliseconds":
        return milliseconds(value)
    return f"{value:.1f}" if measure.key == "intensity" else scaled(value, divisor)


def _accuracy_columns(accuracies: Sequence[Accuracy | None], heads: list[str]) -> list[list[str]]:
    """Top-1 and the data set that it is of, bold only where it is the best of several on the same one."""
    if not any(accuracy and accuracy.shown for accuracy in accuracies):
        return []
    heads += ['<th scope="col" class="n">Top-1 <small>%</small></th>', '<th scope="col">Data set</th>']
    best = best_of(accuracies)
    cells: list[list[str]] = [[], []]
    for accuracy in accuracies:
        if accuracy is None or accuracy.top1 is None:
            cells[0].append('<td class="n">–</td>')
            cells[1].append("<td>–</td>")
            continue
        style = " best" if accuracy.top1 == best.get(accuracy.dataset) else ""
        cells[0].append(f'<td class="n{style}" data-of="top1" title="{escape(accuracy.origin, quote=True)}">{accuracy.shown}</td>')
        cells[1].append(f"<td>{accuracy.dataset}</td>")
    return cells


def _unused(found: Sequence[Network]) -> str:
    """Which networks have parameters that evaluation does not use, as a sentence."""
    having = [f"{n.title} {in_short(n.summary.params_unused)}" for n in found if n.summary.params_unused]
    return escape(f" Of the parameters, evaluation does not use (such as auxiliary heads): {', '.join(having)}.") if having else ""


def _training_conditions(found: Sequence[Network]) -> str:
    """What the training memory depends on, as a sentence; "" where it is left out."""
    steps = [network.shown_step for network in found if network.shown_step is not None]
    if not steps:
        return ""
    batches = " or ".join(f"{batch:,}" for batch in sorted({batch_of(step) for step in steps}))
    return f" Training memory: the peak of one {step_in_words(batches, steps[0].settings)}; simulated, not measured."


def _time_conditions(found: Sequence[Network]) -> str:
    """What the predicted time depends on, as a sentence; "" where it is left out."""
    words = dict.fromkeys(time_in_words(network.latency) for network in found if network.latency is not None)
    return escape(f" Predicted time: {'; '.join(words)}.") if words else ""


def _cell(measure: _Measure, network: Network, found: Sequence[Network], divisor: float) -> str:
    known_value = measure.value(network)
    if known_value is None:
        return f'<td class="n unknown" data-of="{measure.key}">unknown</td>'
    value, first = known_value, measure.value(found[0]) or 0.0
    unsure = measure.of_operations and bool(network.summary.uncounted or found[0].summary.uncounted)
    shown = _written(measure, value, divisor)
    at_least = network.at_least if measure.of_operations or measure.key in ("training_bytes", "milliseconds") else ""
    held = [measure.value(n) for n in found if not (measure.of_operations and n.summary.uncounted)]
    known = [value for value in held if value is not None]
    best = " best" if known and not at_least and value == measure.best(known) else ""
    compared = "–" if unsure or not first else ratio(value / first)
    return f'<td class="n{best}" data-of="{measure.key}">{at_least}{shown}<small>{compared}</small></td>'
