"""Memory over a step: thinning loses no peak, and the parts add up to the whole."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from convatlas.analysis.memory import Settings, TrainingMemory, training_memory
from convatlas.analysis.memory.changes import KINDS
from convatlas.graph import Graph
from convatlas.report.timeline import PARTS, parts_of, thinned, timeline_rows


@pytest.fixture(scope="module")
def step(training_of: Callable[[str], tuple[Graph, ...]]) -> TrainingMemory:
    return training_memory(training_of("densenet121")[-1], Settings())


def test_every_kind_of_memory_is_in_one_part() -> None:
    assert sorted(kind for kinds, _ in PARTS.values() for kind in kinds) == sorted(KINDS)


def test_thinning_keeps_the_peak_and_every_phase(step: TrainingMemory) -> None:
    moments = step.timeline
    kept = thinned(moments, 20)
    assert len(kept) < 30 < len(moments)
    assert max(moment.num_bytes for _, moment in kept) == step.peak_bytes
    assert {moment.phase for _, moment in kept} == {moment.phase for moment in moments}


def test_the_stack_is_as_high_as_the_peak(step: TrainingMemory) -> None:
    heights: dict[int, int] = {}
    for row in timeline_rows(step):
        heights[row["place"]] = heights.get(row["place"], 0) + row["value"]
    assert max(heights.values()) == step.peak_bytes
    assert sum(parts_of(step.breakdown).values()) == step.peak_bytes
