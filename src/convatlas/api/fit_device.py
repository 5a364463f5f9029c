"""Profiles from published timings."""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..analysis.latency import observe, prepared
from ..devices.card import Card, card, list_cards
from ..devices.conditions import Conditions
from ..devices.fit import Fit, fit, fitted_profile
from ..devices.observation import Observation
from ..devices.profile import Profile
from ..devices.published import Row, conditions_of, device_of, family, read
from ..errors import ConvatlasError
from ..graph import Graph
from ..graph.batch import batched

TRAINING_PASSES = (
    3.3  # forward passes that a training step is expected to take: forward, two products for each backward, the update
)


@dataclass
class Timings:
    """A file of timings, with what was found of its networks.

    Attributes:
        path: of the CSV.
        card: the device's datasheet.
        conditions: of the timings.
        rows: by network and size.
        left_out: a line for each row that counts for nothing, and why.
        observations: what the rows' times are made of.

    """

    path: Path
    card: Card
    conditions: Conditions
    rows: list[Row]
    left_out: list[str]
    observations: list[Observation] = field(default_factory=list)

    @property
    def passes(self) -> float:
        """Forward passes that a time stands for."""
        return TRAINING_PASSES if self.conditions.training else 1.0


def fit_device(
    paths: Sequence[Path],
    *,
    device: str | None = None,
    source: str = "",
    progress: Callable[[int, int, str], None] = lambda done, total, last: None,
) -> list[tuple[Timings, Fit, Profile]]:
    """Fit a profile to each of some CSVs of timings. The networks are timm's; each is built once for all of them.

    Args:
        paths: files as in timm's results; their names tell the conditions ("infer-amp-nchw-pt240-cu124-rtx3090").
        device: its name, where the files' names do not tell it.
        source: where the timings are from.
        progress: called with how many networks have been traced, of how many, and which is next.

    Raises:
        ConvatlasError: a file cannot be read, names no device, or has too few usable rows.

    """
    files = timings_of(paths, device)
    trace_networks(files, progress)
    results = []
    for timings in files:
        found = fit(timings.observations)
        name = timings.conditions.name(timings.card.name)
        results.append(
            (
                timings,
                found,
                fitted_profile(name, timings.card, timings.conditions, timings.observations, found, timings.passes, source),
            )
        )
    return results


def timings_of(paths: Sequence[Path], device: str | None = None) -> list[Timings]:
    """The rows of files of timings, with what the files' names tell; see `fit_device`."""
    files = []
    for path in paths:
        rows, left_out = read(path)
        files.append(Timings(path, card(device or device_of(path, list_cards())), conditions_of(path), rows, left_out))
    return files


def trace_networks(files: Sequence[Timings], progress: Callable[[int, int, str], None]) -> None:
    """Trace every network of the files at its sizes and batches, and tell what its times are made of."""
    wanted: dict[tuple[str, int, float | None], list[tuple[Timings, Row]]] = defaultdict(list)
    for timings in files:
        for row in timings.rows:
            wanted[row.network, row.size, row.parameters].append((timings, row))
    for done, ((name, size, parameters), uses) in enumerate(sorted(wanted.items(), key=lambda item: str(item[0]))):
        progress(done, len(wanted), name)
        try:
            graph, halves = _graph(name, size, parameters)
            observe_all(graph, halves, uses)
        except ConvatlasError as error:
            for timings, _ in uses:
                timings.left_out.append(f"{name} at {size} px: {error}")
    progress(len(wanted), len(wanted), "all")


def observe_all(graph: Graph, halves: frozenset[str], uses: Sequence[tuple[Timings, Row]]) -> None:
    """Tell what a network's times in several files are made of, from its graph for one image."""
    ready = {precision: prepared(graph, precision, halves) for precision in {timings.conditions.precision for timings, _ in uses}}
    for timings, row in uses:
        timings.observations.append(
            observe(
                batched(ready[timings.conditions.precision], row.batch), timings.conditions, timings.card,
                family=family(row.network), seconds=row.seconds, passes=timings.passes,
            )
        )  # fmt: skip


def _graph(name: str, size: int, parameters: float | None) -> tuple[Graph, frozenset[str]]:
    from ..models.timed import half_norms, timed_network
    from ..trace import trace

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = timed_network(name, size, parameters)
        graph = trace(module, (1, 3, size, size))
    graph.name = name
    return graph, half_norms(module)
