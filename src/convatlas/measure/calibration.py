"""Measure pieces in interleaved rounds on this machine, and tell how steady it was meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median, quantiles

import torch
import torch.nn.functional as F
from torch import Tensor

from .pieces import Piece
from .rows import Row, append_rows, read_rows

_TOGETHER = 48  # ops whose rounds are interleaved: oneDNN keeps so many kernels that it has made, and memory so many tensors
_ROUNDS = 5
_MOST_ROUNDS = 3 * _ROUNDS
_VALUE = 0.7  # of inputs; times do not depend on it
_STEADY = 1.25  # times the fastest reference; a round between slower ones was disturbed
NOISY = 0.25  # spread of the reference above which times are not to be trusted

Made = tuple[Callable[[], object], list[Tensor]]


@dataclass
class Measurements:
    """Rows, and how steady the machine was.

    Attributes:
        rows: of all pieces that were measured, in this run or an earlier one.
        reference: seconds of the same convolution before and after each round of this run.
        disturbed: rounds that were made again.

    """

    rows: list[Row]
    reference: list[float] = field(default_factory=list)
    disturbed: int = 0

    @property
    def spread(self) -> float:
        """The reference's range between its quartiles, over its median; 0 where nothing was measured."""
        if len(self.reference) < 2:
            return 0.0
        low, middle, high = quantiles(self.reference, n=4, method="inclusive")
        return (high - low) / middle


def clock() -> Callable[[], float]:
    """Seconds of this thread's work where one thread runs, which others cannot take from it; else of the wall."""
    return time.thread_time if torch.get_num_threads() == 1 else time.perf_counter


def measured(pieces: Sequence[Piece], path: Path, limit_seconds: float, progress: Callable[[int, int, str], None]) -> Measurements:
    """Measure pieces that a file of rows does not have yet, in order, until the time is up.

    Each round calls every piece, its input written just before, as the layer before would do, its weights pushed out of the caches by
    the other pieces, and its code called shortly before, as all that is in a network. Rows land in the file as they come.

    Args:
        pieces: ops and networks.
        path: of the file of rows.
        limit_seconds: no group of pieces begins later.
        progress: is told how many pieces are done, of how many, and which is next.

    """
    found = Measurements(read_rows(path))
    known = {row.name for row in found.rows}
    todo = [piece for piece in pieces if piece.name not in known]
    begun, reference = time.perf_counter(), _Reference()
    for group in _groups(todo):
        if time.perf_counter() - begun > limit_seconds:
            break
        progress(len(found.rows), len(pieces), group[0].name)
        rows = _rounds(group, reference, found)
        append_rows(path, rows)
        found.rows += rows
    progress(len(found.rows), len(pieces), "all")
    return found


def _groups(pieces: Iterable[Piece]) -> Iterable[list[Piece]]:
    """Ops in groups, each network alone: it has rounds of its own layers within it. Both come by turns, so that a part is fair."""
    pieces = list(pieces)
    ops, networks = ([piece for piece in pieces if piece.network == whole] for whole in (False, True))
    groups = [ops[start : start + _TOGETHER] for start in range(0, len(ops), _TOGETHER)]
    alone = [[piece] for piece in networks]
    every = max(len(groups), len(alone))
    for turn in range(every):
        for each in (groups, alone):
            yield from each[turn * len(each) // every : (turn + 1) * len(each) // every]


def _rounds(group: Sequence[Piece], reference: _Reference, found: Measurements) -> list[Row]:
    now = clock()
    samples: list[list[float]] = [[] for _ in group]
    with torch.inference_mode():
        calls = [[piece.make() for _ in range(1 if piece.network else 2)] for piece in group]
        _round(calls, now)  # makes the kernels
        before = reference.seconds(now)
        for _ in range(_MOST_ROUNDS):
            made = _round(calls, now)
            after = reference.seconds(now)
            found.reference.append(after)
            steady = max(before, after) < _STEADY * reference.fastest
            before = after
            if not steady:
                found.disturbed += 1
                continue
            for times, seconds in zip(samples, made, strict=True):
                times.append(seconds)
            if len(samples[0]) == _ROUNDS or (group[0].network and sum(samples[0]) > 1.0 and len(samples[0]) > 1):
                break
    return [
        Row(piece.name, piece.network, piece.kernels, median(times)) for piece, times in zip(group, samples, strict=True) if times
    ]


def _round(calls: Iterable[list[Made]], now: Callable[[], float]) -> list[float]:
    """The seconds of each call: of the last of several on tensors of their own, the code of which is warm, its weights are not."""
    times = []
    for made in calls:
        for call, written in made:
            for tensor in written:
                tensor.fill_(_VALUE)
            begun = now()
            result = call()
            seconds = now() - begun
            del result
        times.append(seconds)
    return times


class _Reference:
    """The same convolution, again and again."""

    def __init__(self) -> None:
        self.image, self.weight = torch.rand(4, 64, 56, 56), torch.rand(64, 64, 3, 3)
        self.fastest = float("inf")

    def seconds(self, now: Callable[[], float]) -> float:
        """How long it takes now."""
        begun = now()
        F.conv2d(self.image, self.weight, padding=1)
        seconds = now() - begun
        self.fastest = min(self.fastest, seconds)
        return seconds
