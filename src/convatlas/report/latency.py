"""The section about time: how long a batch takes on a device, predicted, and where it goes other than MACs do."""

from __future__ import annotations

from html import escape

from ..analysis.latency import Latency
from .network import Network
from .numbers import in_time, percent
from .panels import QUANTITY_INKS, TIME_AND_MACS, kind_margins, kind_panel, stage_margins, stage_panel
from .sections import section
from .theme import inline


def predicted_time(network: Network) -> str:
    """The section; "" where nobody asked for it."""
    if network.time is None:
        return ""
    if isinstance(network.time, str):
        return _section(network, f'<p class="warning" role="note">Unknown: {escape(network.time)}.</p>')
    found = network.time
    legend = "".join(f'<span class="{QUANTITY_INKS[quantity]}">{quantity.title}</span>' for quantity in TIME_AND_MACS)
    stages = inline(
        stage_panel(network, TIME_AND_MACS), f"Shares of the stages of {network.title} in MACs and in time", stage_margins(network)
    )
    kinds = inline(kind_panel(network), f"Shares of the kinds of ops of {network.title} in MACs and in time", kind_margins(network))
    body = (
        f'<p class="conditions">{escape(time_in_words(found))}</p>{_total(found)}{_notes(found)}'
        f'<p class="legend">{legend}</p><div class="pair"><div><h4>By stage</h4><figure>{stages}</figure></div>'
        f"<div><h4>By kind of op</h4><figure>{kinds}</figure></div></div>"
    )
    return _section(network, body)


def _section(network: Network, body: str) -> str:
    return section(network, "time", "Predicted time", body)


def time_in_words(found: Latency) -> str:
    """What a predicted time depends on, as a sentence without its stop."""
    batch = "no batch axis" if found.graph.batch is None else f"batch {found.graph.batch:,}"
    return f"on {found.device}, {batch}, {found.conditions}: predicted by the profile {found.profile}, not measured"


def _total(found: Latency) -> str:
    low, high = found.interval
    rate = f", {found.images_per_second:,.0f} images a second" if found.images_per_second else ""
    at_least = "≥ " if found.at_least else ""
    bound = ", ".join(f"{name} {percent(share)}" for name, share in sorted(found.bound.items(), key=lambda item: -item[1]) if share)
    once = f" {in_time(found.call_milliseconds)} of it are the call's own, in no row." if found.call_milliseconds else ""
    return (
        f'<p class="lead"><b data-milliseconds="{found.milliseconds:.6f}">{at_least}{in_time(found.milliseconds)}</b> a batch '
        f"({in_time(low)} to {in_time(high)} holds nine of ten networks that the profile had not seen){rate}. "
        f"Bound by: {bound}.{once}</p>"
    )


def _notes(found: Latency) -> str:
    return "".join(f'<p class="warning" role="note">{escape(note[0].upper() + note[1:])}.</p>' for note in found.notes)
