"""Whether training fits: the answer, which the page begins with, and what to change."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

from ..analysis.verdict import AS_ASKED, in_a_word
from ..sizes import gibi
from .document import breakable, scrolling
from .network import Network


def fit_answers(found: Sequence[Network]) -> str:
    """A line for each network of which it was asked whether it fits; "" where nobody asked."""
    lines = "".join(
        f'<p class="lead" data-fits="{str(network.verdict.fits).lower()}" data-needed="{network.verdict.needed_bytes}">'
        f"<b>{escape(str(network.verdict))}</b> {breakable(network.title)} at batch {network.verdict.batch:,}, "
        f"{escape(network.verdict.memory.settings.precision)}, {escape(network.verdict.memory.settings.device.upper())}. "
        f"{escape(network.verdict.largest_in_words())}</p>"
        for network in found
        if network.verdict is not None
    )
    return f'<section aria-label="Does it fit">{lines}</section>' if lines else ""


def fit_details(network: Network) -> str:
    """What is counted, and the answer with each change; "" where nobody asked."""
    verdict = network.verdict
    if verdict is None:
        return ""
    memory = verdict.memory
    parts = f"{gibi(memory.peak_bytes)} of tensors at the peak and {gibi(memory.overhead_bytes)} beside them"
    rows = "".join(_row(row) for row in verdict.rows())
    heads = '<th scope="col">With</th><th scope="col">Fits</th><th scope="col" class="n">Needed</th><th scope="col" class="n">Largest batch</th>'
    table = f'<table class="changes"><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>'
    return (
        f'<p class="lead">{escape(str(verdict))}</p><p class="hint">{parts}, at batch {verdict.batch:,}. '
        f"{escape(verdict.largest_in_words())}</p>{scrolling(table, f'What to change so that {network.title} fits')}"
    )


def _row(row: dict[str, Any]) -> str:
    change = AS_ASKED if row["change"] == AS_ASKED else f"<code>{escape(row['change'])}</code>"
    largest = "unknown" if row["largest_batch"] is None else f"{row['largest_batch']:,}" if row["largest_batch"] else "none"
    return (
        f'<tr><th scope="row">{change}</th><td>{in_a_word(row)}</td>'
        f'<td class="n" data-value="{row["needed_bytes"]}">{gibi(row["needed_bytes"])}</td><td class="n">{largest}</td></tr>'
    )
