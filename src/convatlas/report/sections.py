"""The sections of one network's part of the page: each is a function from a network to HTML."""

from __future__ import annotations

from html import escape

from ..analysis.latency import Latency
from ..analysis.shares import in_words
from . import rows
from .diagram.view import diagram
from .document import scrolling
from .labels import FAMILIES
from .network import Network
from .numbers import count, crossed, in_bytes, in_short, in_time, percent, size, square, times, together
from .panels import families_of, layer_margins, layer_panel, layer_quantities
from .plots import FIELD_MARGINS, MARGINS, field_chart, intensity_chart
from .theme import inline

CONVENTION = (
    "1 MAC is a multiply and its add, bias additions left out; FLOPs are 2 × MACs plus the element-wise operations. "
    "Memory traffic is that of unfused kernels: every input read once, every output written once."
)


def device_in_words(found: Latency) -> str:
    """What a predicted time is of, in short."""
    return f"{found.device}, batch {found.graph.batch or 'none'}, {found.conditions.precision}"


def section(network: Network, key: str, title: str, body: str) -> str:
    """A section with its heading."""
    name = f"n{network.index}-{key}"
    return f'<section id="{name}" aria-labelledby="{name}-title"><h3 id="{name}-title">{title}</h3>{body}</section>'


def overview(network: Network) -> str:
    """What it is, its totals, and where they lie."""
    notes = f'<p class="lead">{escape(together(in_words(network.summary.ops)))}</p>{_uncounted(network)}'
    return f'{_origin(network)}<p class="conditions">{escape(network.conditions)}</p>{_cards(network)}{notes}'


def _origin(network: Network) -> str:
    """The paper, for a network of the zoo."""
    from ..catalogue import list_models, lookup

    if network.graph.name not in list_models():
        return ""
    entry = lookup(network.graph.name)
    paper = entry.paper
    known = dict.fromkeys(accuracy for accuracy in (entry.accuracy, entry.stated) if accuracy)
    accuracies = "".join(f"; {accuracy.in_words} ({accuracy.origin})" for accuracy in known)
    return f'<p class="origin">{escape(f"{paper.authors}: {paper.title} ({paper.year}){accuracies}")}</p>'


def _cards(network: Network) -> str:
    total, cost = network.summary, network.cost
    where = f"{crossed(total.sample)}, {total.setting}"
    at_least = network.at_least
    macs, flops = count(total.macs), count(total.flops)
    held, moved = size(total.activation_bytes), size(total.bytes_moved)
    weights = f"{in_bytes(cost.parameter_bytes)}; the same for any batch and input"
    if total.params_unused:
        weights += f"; evaluation does not use {in_short(total.params_unused)} of them (such as auxiliary heads)"
    cards = [
        _card("params", "Parameters", *count(total.params), f"{total.params:,}", weights),
        _card("macs", "MACs", at_least + macs[0], macs[1], f"{total.macs:,}", f"multiply-adds, no bias; {where}"),
        _card("flops", "FLOPs", at_least + flops[0], flops[1], f"{total.flops:,}", f"2 × MACs + element-wise; {where}"),
        _card("memory", "Activation memory", *held, f"{total.activation_bytes:,} B", f"all outputs, none freed; {where}"),
        _card("moved", "Bytes moved", *moved, f"{total.bytes_moved:,} B", f"unfused kernels; {where}"),
        _card("intensity", "Intensity", f"{at_least}{total.intensity:.1f}", "FLOPs/B", "FLOPs a byte", f"unfused kernels; {where}"),
        _field_card(network),
    ]  # fmt: skip
    return f'<dl class="cards">{"".join(cards)}</dl>'


def _card(key: str, name: str, figure: str, unit: str, exact: str, note: str) -> str:
    shown = f"<b>{figure}</b>" + (f" <span>{unit}</span>" if unit else "")
    return (
        f'<div data-card="{key}"><dt>{name}</dt><dd class="figure">{shown}</dd><dd class="exact">{exact}</dd><dd>{note}</dd></div>'
    )


def _field_card(network: Network) -> str:
    final = network.summary.receptive_field
    if final is None:
        return _card("field", "Receptive field", "none", "", "", "the network has no feature map")
    everything = "; gates or attention see all of it" if final.sees_all else ""
    exact = f"stride {square(final.stride)} px"
    return _card(
        "field",
        "Receptive field",
        square(final.size),
        "px",
        exact,
        f"last feature map, image {times(network.image)} px{everything}",
    )


def _uncounted(network: Network) -> str:
    missing = network.summary.uncounted
    if not missing:
        return ""
    calls = ", ".join(f"{op} ({times_called} {'call' if times_called == 1 else 'calls'})" for op, times_called in missing.items())
    return (
        f'<p class="warning" role="note"><strong>Not counted:</strong> {escape(calls)}. '
        "No rule knows their MACs and element-wise operations: these are unknown, not zero, so MACs, FLOPs and intensity are "
        "at least what is shown.</p>"
    )


def blocks(network: Network) -> str:
    """The block diagram."""
    hint = "Norms and activations stand behind the op that they follow. A block with a frame opens to show how its tensors flow."
    return section(network, "structure", "Structure", f'<p class="hint">{hint}</p><div class="diagram">{diagram(network)}</div>')


def layers(network: Network) -> str:
    """Bars of memory, parameters and MACs over the layers."""
    bars = rows.bar_names(network)
    if not bars:
        return ""
    grouped = sum(len(nodes) for _, nodes in bars) > len(bars)
    hint = "Convolutions, poolings and matrix products in order of execution; the table below has every op."
    if grouped:
        hint += " A bar adds up the layers of one module."
    if network.latency:
        hint += f" Predicted time ({escape(device_in_words(network.latency))}) is with the ops that follow a layer."
    if network.summary.uncounted:
        hint += " A bar with “?” lacks ops whose MACs are unknown."
    legend = "".join(f'<span class="{kind}">{FAMILIES[kind]}</span>' for kind in families_of(network))
    margins = layer_margins(network)
    panels = "".join(
        f"<figure>{inline(layer_panel(network, quantity), f'{quantity.title} of each layer of {network.title}', margins)}</figure>"
        for quantity in layer_quantities(network)
    )
    body = f'<p class="hint">{hint}</p><p class="legend">{legend}</p><div class="panels{" wider" if network.latency else ""}">{panels}</div>'
    return section(network, "layers", "Layer by layer", body)


def stages(network: Network) -> str:
    """The table by stage, with a bar behind each share."""
    total = network.summary
    unsure = {layer.stage for layer in network.layers if not layer.counted}
    found = []
    quantities = (*rows.COSTS, *([rows.TIME] if network.latency else []), rows.MOVED)
    held = {quantity: rows.by_stage(network, quantity) for quantity in quantities}
    whole = {quantity: sum(by_stage.values()) for quantity, by_stage in held.items()}
    for stage in total.stages:
        at_least = "≥ " if stage.name in unsure else ""
        cells = "".join(_stage_cell(q, held[q][stage.name], whole[q], at_least) for q in quantities)
        name = escape(stage.name.replace("x", "×") if stage.name[:1].isdigit() else stage.name)
        found.append(
            f'<tr><th scope="row">{name}</th><td>{times(stage.output_shape[1:])}</td><td class="n">{stage.calls}</td>{cells}'
            f'<td class="n">{at_least}{stage.intensity:.1f}</td></tr>'
        )
    heads = "".join(f'<th scope="col" class="n">{q.title}</th>' for q in quantities)
    hint = "A stage begins with the block that leads to its map size; the head is what follows the last map."
    if network.summary.uncounted:
        hint += " ≥: ops that were not counted are missing; shares of MACs are of what was counted."
    if network.latency:
        hint += f" Predicted time: {escape(device_in_words(network.latency))}."
    table = (
        '<table class="stages-table"><thead><tr><th scope="col">Stage</th><th scope="col">Last output</th>'
        f'<th scope="col" class="n">Ops</th>{heads}<th scope="col" class="n">FLOPs/B</th>'
        f"</tr></thead><tbody>{''.join(found)}</tbody></table>"
    )
    return section(network, "stages", "By stage", f'<p class="hint">{hint}</p>{scrolling(table, "Table by stage")}')


def _stage_cell(quantity: rows.Quantity, value: float, whole: float, at_least: str) -> str:
    share = value / whole if whole else 0.0
    written = in_time(value) if quantity is rows.TIME else in_bytes(value) if quantity.in_bytes else in_short(value)
    unsure = at_least if quantity in (rows.MACS, rows.TIME) else ""
    return (
        f'<td class="bar" style="--share:{100 * share:.1f}%" data-of="{quantity.key}">{unsure}{written}'
        f"<small>{percent(share)}</small></td>"
    )


def views(network: Network) -> str:
    """Two charts side by side, where there is room: the receptive field and the intensity."""
    return f'<div class="pair">{receptive_field(network)}{intensity(network)}</div>'


def receptive_field(network: Network) -> str:
    """How the receptive field grows."""
    found = rows.field_rows(network)
    if not found:
        return ""
    beyond = next((row for row in found if row["exceeds"]), None)
    image = times(network.image)
    if beyond:
        hint = f"It exceeds the image ({image} px) from {escape(beyond['name'])} on, op {beyond['depth']} of {len(found)}."
    else:
        hint = f"It never exceeds the image ({image} px)."
    gates = [field for field in network.fields.values() if field.is_map and field.sees_all]
    if gates:
        first = escape(gates[0].name or gates[0].op)
        hint += f" From {first} on, a gate or attention lets every position depend on the whole image as well."
    hint += " The line is the largest so far, a dot one op; where branches meet, the union counts."
    chart = inline(field_chart([network]), f"Receptive field of {network.title} against depth", FIELD_MARGINS)
    return section(network, "field", "Receptive field", f'<p class="hint">{hint}</p><figure>{chart}</figure>')


def intensity(network: Network) -> str:
    """Arithmetic intensity of the ops that have MACs."""
    found = rows.intensity_rows(network)
    if not found:
        return ""
    moved = network.summary.bytes_moved
    rest = sum(layer.bytes_moved for layer in network.layers if not layer.macs)
    hint = (
        "An op far to the right keeps the arithmetic units busy; one to the left waits for memory. "
        "A larger dot stands for several equal ops. "
        f"Ops without MACs (norms, activations, pooling, additions) are not drawn: they move {percent(rest / moved)} of all bytes."
    )
    legend = "".join(
        f'<span class="{kind}">{FAMILIES[kind]}</span>' for kind in FAMILIES if any(row["family"] == kind for row in found)
    )
    chart = inline(intensity_chart(network), f"Arithmetic intensity of the ops of {network.title}", MARGINS)
    body = f'<p class="hint">{hint}</p><p class="legend">{legend}</p><figure>{chart}</figure>'
    return section(network, "intensity", "Arithmetic intensity", body)
