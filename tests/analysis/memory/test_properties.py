"""What holds for any network: random graphs with residuals, concatenations, in-place calls and views."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F

import convatlas as ca
from convatlas.analysis.memory import Settings, TrainingMemory, training_memory
from convatlas.analysis.memory.changes import SAVED, Change
from convatlas.measure.memory import measure_training

MIB = 2**20
C = 16
MOVES: dict[str, Callable[[], nn.Module]] = {
    "conv": lambda: nn.Conv2d(C, C, 3, padding=1, bias=False),
    "pointwise": lambda: nn.Conv2d(C, C, 1),
    "depthwise": lambda: nn.Conv2d(C, C, 3, padding=1, groups=C),
    "batch_norm": lambda: nn.BatchNorm2d(C),
    "relu": nn.ReLU,
    "relu_in_place": lambda: nn.Sequential(nn.BatchNorm2d(C), nn.ReLU(inplace=True)),
    "silu": nn.SiLU,
    "hardswish_in_place": lambda: nn.Sequential(nn.BatchNorm2d(C), nn.Hardswish(inplace=True)),
    "dropout": lambda: nn.Dropout(0.2),
    "max_pool": lambda: nn.MaxPool2d(3, 1, 1),
}
JOINS = ("none", "residual", "residual_in_place", "concat", "shuffle", "gate", "split")


class Random(nn.Module):
    """A network out of moves; each may be joined with what went in."""

    def __init__(self, plan: list[tuple[str, str]]) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, C, 3, padding=1)
        self.moves = nn.ModuleList(MOVES[name]() for name, _ in plan)
        self.mixers = nn.ModuleList(nn.Conv2d(2 * C, C, 1) if join == "concat" else nn.Identity() for _, join in plan)
        self.joins = [join for _, join in plan]
        self.head = nn.Linear(C, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for move, mixer, join in zip(self.moves, self.mixers, self.joins, strict=True):
            y = move(x)
            match join:
                case "residual":
                    x = x + y
                case "residual_in_place":
                    x = F.conv2d(y, torch.ones(C, 1, 1, 1), groups=C).add_(x)
                case "concat":
                    x = mixer(torch.cat([x, y], 1))
                case "shuffle":
                    n, c, h, w = y.shape
                    x = y.view(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w)
                case "gate":
                    x = y * y.mean((2, 3), keepdim=True).sigmoid()
                case "split":
                    first, second = y.chunk(2, 1)
                    x = torch.cat([first, second.relu()], 1)
                case _:
                    x = y
        return self.head(x.mean((2, 3)))


PLANS = st.lists(st.tuples(st.sampled_from(sorted(MOVES)), st.sampled_from(JOINS)), min_size=1, max_size=7)
SETTINGS = st.builds(
    Settings,
    optimizer=st.sampled_from(["sgd", "momentum", "adam", "lion"]),
    precision=st.sampled_from(["fp32", "amp", "bf16"]),
    device=st.sampled_from(["cpu", "cuda"]),
    channels_last=st.booleans(),
    accumulate=st.sampled_from([1, 3]),
    ema=st.booleans(),
    ddp=st.booleans(),
    frozen=st.sampled_from([(), ("stem",), ("moves",)]),
    checkpoint=st.sampled_from([(), ("moves.0",)]),
)


def simulated(plan: list[tuple[str, str]], how: Settings) -> TrainingMemory | None:
    model = Random(plan)
    try:
        return training_memory(ca.trace(model, (2, 3, 16, 16), training=True), how)
    except ValueError:  # "moves" may have no parameters to freeze, an identity cannot be checkpointed
        return None


def segments_scanned(changes: list[Change]) -> int:
    """What torch's caching allocator reserves, by its published rules on a plain map of addresses: every gap is looked at.

    Blocks are multiples of 512 bytes. Those up to 1 MiB lie in segments of 2 MiB, those below 10 MiB in segments of 20 MiB,
    others in one of their own, a multiple of 2 MiB. The smallest gap that is large enough is taken, of equal ones the one that
    was there first; a large block keeps a rest of up to 1 MiB.
    """
    segments: list[tuple[bool, int]] = []  # small blocks?, bytes
    taken: dict[int, dict[int, int]] = {}  # segment -> address -> bytes
    held: dict[tuple[int, str, int], list[tuple[int, int]]] = {}
    freed: dict[tuple[int, int], int] = {}  # gap -> when it became what it is
    for now, change in enumerate(changes):
        key = (abs(change.num_bytes), change.kind, change.owner)
        if change.num_bytes < 0:
            segment, address = held[key].pop()
            size = taken[segment].pop(address)
            start = next(
                start for start, length in _gaps(segments[segment][1], taken[segment]) if start <= address < start + length
            )
            assert size
            freed[segment, start] = now
            continue
        size = -(-change.num_bytes // 512) * 512
        small = size <= MIB
        found = [
            (length, freed.get((segment, start), -1), segment, start)
            for segment, (for_small, whole) in enumerate(segments)
            if for_small == small
            for start, length in _gaps(whole, taken[segment])
            if length >= size
        ]
        if found:
            length, _, segment, address = min(found)
        else:
            length = 2 * MIB if small else 20 * MIB if size < 10 * MIB else -(-size // (2 * MIB)) * 2 * MIB
            segment, address = len(segments), 0
            segments.append((small, length))
            taken[segment] = {}
        rest = length - size
        keeps = rest < 512 if small else rest <= MIB
        taken[segment][address] = length if keeps else size
        if not keeps:
            freed[segment, address + size] = now
        held.setdefault(key, []).append((segment, address))
    return sum(length for _, length in segments)


def _gaps(whole: int, taken: dict[int, int]) -> list[tuple[int, int]]:
    """(address, bytes) of what is free in a segment."""
    edges = [(0, 0), *sorted(taken.items()), (whole, 0)]
    between = [(start + size, following[0] - start - size) for (start, size), following in pairwise(edges)]
    return [(start, length) for start, length in between if length]


@given(PLANS, SETTINGS)
@settings(max_examples=60, deadline=None, derandomize=True)
def test_the_account_is_consistent(plan: list[tuple[str, str]], how: Settings) -> None:
    memory = simulated(plan, how)
    if memory is None:
        return
    assert sum(memory.breakdown.values()) == memory.peak_bytes
    assert sum(layer.saved_for_backward_bytes for layer in memory.layers) == memory.breakdown.get(SAVED, 0)
    timeline = memory.timeline
    between = [sum(change.num_bytes for change in memory.changes if change.phase == "start"), timeline[-1].num_bytes]
    assert between[0] == between[1]
    assert max(moment.num_bytes for moment in timeline) == memory.peak_bytes
    assert all(sum(moment.by_kind.values()) == moment.num_bytes for moment in timeline)


@given(PLANS, SETTINGS)
@settings(max_examples=60, deadline=None, derandomize=True)
def test_nothing_is_negative_at_any_change(plan: list[tuple[str, str]], how: Settings) -> None:
    memory = simulated(plan, how)
    if memory is None:
        return
    held: dict[Any, int] = {}
    for change in memory.changes:
        for key in (change.kind, (change.kind, change.owner)):
            held[key] = held.get(key, 0) + change.num_bytes
            assert held[key] >= 0, (key, change)
    if memory.reserved_bytes is not None:
        assert memory.reserved_bytes == segments_scanned(memory.changes)


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v2"])
def test_what_is_reserved_for_large_tensors(name: str) -> None:
    memory = training_memory(ca.trace(name, (8, 3, 160, 160), training=True), Settings(device="cuda", precision="amp"))
    assert memory.reserved_bytes == segments_scanned(memory.changes)


@given(PLANS)
@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
def test_saved_and_peak_are_measured_ones(plan: list[tuple[str, str]]) -> None:
    model, shape = Random(plan), (4, 3, 24, 24)
    how = Settings(optimizer="sgd", threads=torch.get_num_threads())
    memory = training_memory(ca.trace(model, shape, training=True), how)
    measured = measure_training(model, shape, how).peak_bytes
    # these networks are so small that the barriers of oneDNN's threads (9 KB) are in sight
    assert memory.peak_bytes == pytest.approx(measured, rel=0.03), plan
