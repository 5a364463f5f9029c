"""The section about training: memory over one step, what it is made of, which layers hold it, and how it grows with the batch."""

from __future__ import annotations

from html import escape

from ..analysis.memory import TrainingMemory, step_in_words
from .document import breakable, scrolling
from .fit import fit_details
from .network import Network, batch_of
from .numbers import in_bytes, percent, times
from .sections import section
from .theme import inline
from .timeline import MARGINS, PARTS, PHASES, parts_of, timeline_chart

_MOST_LAYERS = 8


def training_memory(network: Network) -> str:
    """The section; "" where nobody asked for it."""
    if network.training is None:
        return ""
    try:
        steps = network.steps
    except ValueError as error:
        return _section(network, f'<p class="warning" role="note">Unknown: {escape(str(error))}.</p>')
    if not steps:
        return _section(network, '<p class="warning" role="note">Unknown: there is no graph of this network in training mode.</p>')
    step = network.nearest(steps)
    legend = "".join(
        f'<span class="{colour}">{part}</span>' for part, (_, colour) in PARTS.items() if parts_of(step.breakdown)[part]
    )
    chart = inline(timeline_chart(step), f"Memory of {network.title} over a training step", MARGINS)
    body = (
        f'<p class="conditions">{_conditions(step)}</p>{fit_details(network)}{_peak(step)}{_uncounted(step)}'
        f'<div class="pair"><div><h4>Over one step</h4><p class="legend">{legend}</p><figure>{chart}</figure></div>'
        f"<div><h4>Layers that hold the most at the peak</h4>{_holders(network, step)}</div></div>"
        f"<h4>Batch against memory</h4>{_batches(network, steps)}"
    )
    return _section(network, body)


def _section(network: Network, body: str) -> str:
    return section(network, "training", "Training memory", body)


def _conditions(step: TrainingMemory) -> str:
    spec = step.graph.values[step.graph.inputs[0]]
    return (
        f"input {times(spec.shape[1:])}, {step_in_words(spec.shape[0], step.settings)} (forward, loss, backward, optimizer); "
        f"simulated from the graph, not measured"
    )


def _place(step: TrainingMemory) -> str:
    phase = PHASES.get(step.phase, step.phase)
    return f"{phase}, {step.peak_name} ({step.peak_op})" if step.peak_name else f"{phase}, {step.peak_op}"


def _peak(step: TrainingMemory) -> str:
    parts = sorted(parts_of(step.breakdown).items(), key=lambda part: part[1], reverse=True)
    largest = ", ".join(f"{part} {percent(held / step.peak_bytes)}" for part, held in parts[:3] if held)
    at_least = "≥ " if step.at_least else ""
    return (
        f'<p class="lead">Peak: <b data-peak="{step.peak_bytes}">{at_least}{in_bytes(step.peak_bytes)}</b> '
        f"in {escape(_place(step))}. Most of it: {largest}.</p>"
    )


def _uncounted(step: TrainingMemory) -> str:
    if not step.uncounted:
        return ""
    names = ", ".join(step.uncounted)
    return f'<p class="warning" role="note">No rule knows what {escape(names)} keeps for backward: the peak is at least this.</p>'


def _batches(network: Network, steps: list[TrainingMemory]) -> str:
    used = [part for part in PARTS if any(parts_of(step.breakdown)[part] for step in steps)]
    heads = "".join(f'<th scope="col" class="n">{part}</th>' for part in used)
    rows = ""
    for step in steps:
        held = parts_of(step.breakdown)
        cells = "".join(f'<td class="n">{in_bytes(held[part])}</td>' for part in used)
        at_least = "≥ " if step.at_least else ""
        rows += (
            f'<tr><th scope="row" class="n">{batch_of(step)}</th><td class="n" data-of="peak_bytes" data-value="{step.peak_bytes}">'
            f"<b>{at_least}{in_bytes(step.peak_bytes)}</b></td>{cells}<td>{escape(_place(step))}</td></tr>"
        )
    head = f'<th scope="col" class="n">Batch</th><th scope="col" class="n">Peak</th>{heads}<th scope="col">Reached in</th>'
    return _table("batches", f"Batch against training memory of {network.title}", head, rows)


def _holders(network: Network, step: TrainingMemory) -> str:
    layers = sorted(step.layers, key=lambda layer: layer.saved_for_backward_bytes, reverse=True)
    if not layers:
        return '<p class="hint">At the peak no layer holds anything for backward.</p>'
    shown, others = layers[:_MOST_LAYERS], layers[_MOST_LAYERS:]
    rows = "".join(
        f'<tr><th scope="row">{breakable(layer.name) or "(network)"}</th><td>{escape(layer.op)}</td>'
        f"<td>{times(layer.output_shape)}</td>{_share(layer.saved_for_backward_bytes, step)}</tr>"
        for layer in shown
    )
    if others:
        rest = sum(layer.saved_for_backward_bytes for layer in others)
        rows += f'<tr><th scope="row">{len(others)} others</th><td></td><td></td>{_share(rest, step)}</tr>'
    head = "".join(f'<th scope="col">{name}</th>' for name in ("Layer", "Op", "Output"))
    head += '<th scope="col" class="n">Saved for backward</th>'
    hint = "What calls have kept for backward; a tensor that several keep counts once. Shares are of the peak."
    return f'<p class="hint">{hint}</p>{_table("holders", f"Layers that hold the most of {network.title}", head, rows)}'


def _share(num_bytes: int, step: TrainingMemory) -> str:
    share = num_bytes / step.peak_bytes
    return f'<td class="bar" style="--share:{100 * share:.1f}%">{in_bytes(num_bytes)}<small>{percent(share)}</small></td>'


def _table(key: str, name: str, head: str, rows: str) -> str:
    return scrolling(f'<table class="{key}"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>', name)
