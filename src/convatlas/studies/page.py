"""A study in words: what was asked, under which conditions, what came out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .design import MEASURES

if TYPE_CHECKING:
    from .result import Study


def as_markdown(study: Study) -> str:
    """The study as a page: question, conditions, verdicts, and the mean of each arm with its range."""
    design, first = study.design, study.rows[0]
    form = design.quick if study.quick else design.full
    seeds = len({row["seed"] for row in study.rows})
    size = f"{form.images:,}" if form.images else "all"
    trained = (
        f"{size} training images of {form.size} x {form.size} pixels, {form.epochs} epochs, batch {form.batch}, {first['precision']}"
        if design.measures == "training"
        else f"single training steps on images of {form.size} x {form.size} pixels, batch {form.batch}, {first['precision']}"
    )
    command = f"convatlas study {design.name}{' --quick' if study.quick else ''} --seeds {seeds}"
    measures = list(dict.fromkeys(contrast.measure for contrast in design.contrasts))
    head = ["network", "params", "MACs (M)", *(MEASURES[measure] for measure in measures)]
    lines = [
        f"# {design.title}",
        "",
        f"Source: {design.source}.",
        "",
        f"Measured: {first['data']}, {trained}; {seeds} {'seed' if seeds == 1 else 'seeds'}; on {first['host']}, "
        f"{first['threads']} {'thread' if first['threads'] == 1 else 'threads'} a run, torch {first['torch']}. Again: `{command}`",
        "",
        *(f"- {verdict.sentence()}" for verdict in study.verdicts),
        "",
        "![How each network learns, and where it ends](figure.svg)",
        "",
        f"| {' | '.join(head)} |",
        f"| --- |{' ---: |' * (len(head) - 1)}",
    ]
    for arm in design.arms:
        rows = [row for row in study.rows if row["arm"] == arm.name]
        cells = [arm.name, f"{rows[0]['params']:,}", f"{float(str(rows[0]['macs'])) / 1e6:,.2f}"]
        cells += [_spread([float(str(row[measure])) for row in rows]) for measure in measures]
        lines.append(f"| {' | '.join(cells)} |")
    note = "Each cell: the mean over the seeds, and in brackets the least and the largest. One row a run: [rows.csv](rows.csv)."
    diverged = [
        f"{row['arm']} with seed {row['seed']}, at step {row['diverged_at_step']}"
        for row in study.rows
        if row.get("diverged_at_step")
    ]
    if diverged:
        note += (
            f" The loss became infinite or NaN in {'; in '.join(diverged)}; such a run counts as a network that guesses, "
            "which has the loss ln(classes)."
        )
    return "\n".join([*lines, "", note, ""])


def _spread(values: list[float]) -> str:
    mean = sum(values) / len(values)
    return f"{_shown(mean)} ({_shown(min(values))} to {_shown(max(values))})"


def _shown(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}" if abs(value) < 10 else f"{value:.1f}"
