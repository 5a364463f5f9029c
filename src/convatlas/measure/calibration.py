"""Measure pieces in interleaved rounds on this machine, and tell how steady it was meanwhile."""

from __future__ import annotations

import mmap
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median, quantiles
from typing import NamedTuple, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from ..devices.cpu.terms import new_pages
from .pieces import Piece
from .rows import Row, append_rows, read_rows

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

_TOGETHER = 48
_ROUNDS = 3
_MOST_ROUNDS = 5 * _ROUNDS
_LONG_SECONDS = 0.4  # of a network that is measured twice only
_STEADY = 1.25  # times the fastest reference; a round between slower ones was disturbed
NOISY = 0.25  # spread of the reference above which times are not to be trusted

Made = tuple[Callable[[], object], list[tuple[Tensor, Tensor]]]


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

    def after(self, earlier: Measurements) -> Measurements:
        """Both: rows in the same file, those of the earlier ones among these."""
        return Measurements(self.rows, [*earlier.reference, *self.reference], earlier.disturbed + self.disturbed)


def clock() -> Callable[[], float]:
    """Seconds of this thread's work where one thread runs, which others cannot take from it; else of the wall."""
    return time.thread_time if torch.get_num_threads() == 1 else time.perf_counter


class Sample(NamedTuple):
    """One call of a piece: its seconds, and the pages that the process touched for the first time."""

    seconds: float
    page_faults: int = 0


class Timer(Protocol):
    """Calls pieces on a device and tells how long each call takes.

    Attributes:
        together: ops whose rounds are interleaved.
        fastest: seconds of the reference at its best so far.

    """

    @property
    def together(self) -> int: ...

    @property
    def fastest(self) -> float: ...

    def make(self, group: Sequence[Piece]) -> None:
        """Get some pieces ready, and call each once, which makes its kernels."""

    def round(self) -> list[Sample]:
        """Call each of them once, its input written just before."""

    def reference(self) -> float:
        """Seconds of the same convolution, now."""

    def about(self) -> str:
        """What the device is and how it runs now, beyond its datasheet; "" for nothing."""


class CpuTimer:
    """Calls on the CPU: the thread's own time where one thread runs, and the pages that are new to the process."""

    def __init__(self) -> None:
        self._now, self._reference = clock(), Reference()
        self._calls: list[Made] = []

    @property
    def together(self) -> int:
        """Ops whose rounds are interleaved: oneDNN keeps so many kernels that it has made, and memory so many tensors."""
        return _TOGETHER

    @property
    def fastest(self) -> float:
        """Seconds of the reference at its best so far."""
        return self._reference.fastest

    def make(self, group: Sequence[Piece]) -> None:
        """Get some pieces ready, and call each once, which makes its kernels."""
        self._calls = [ready(piece) for piece in group]
        self.round()

    def round(self) -> list[Sample]:
        """Call each of them once, its input written just before."""
        samples = []
        for call, written in self._calls:
            for tensor, values in written:
                tensor.copy_(values)
            faults, begun = _page_faults(), self._now()
            result = call()
            samples.append(Sample(self._now() - begun, _page_faults() - faults))
            del result
        return samples

    def reference(self) -> float:
        """Seconds of the same convolution, now."""
        return self._reference.seconds(self._now)

    def about(self) -> str:
        """Nothing: the card of a CPU is measured, and says it."""
        return ""


def ready(piece: Piece) -> Made:
    """Its call, and what it reads with the values that are written there before each: pooling takes longer where they differ."""
    call, written = piece.make()
    return call, [(tensor, tensor.clone()) for tensor in written]


def measured(
    pieces: Sequence[Piece], path: Path, limit_seconds: float, progress: Callable[[int, int, str], None], timer: Timer | None = None
) -> Measurements:
    """Measure pieces that a file of rows does not have yet, in order, until the time is up.

    Each round calls every piece once, its input written just before, as the layer before would do, its weights and its code pushed out
    of the nearest caches by the other pieces, as by other layers. Rows land in the file as they come.

    Args:
        pieces: ops and networks.
        path: of the file of rows.
        limit_seconds: no group of pieces begins later.
        progress: is told how many pieces are done, of how many, and which is next.
        timer: of the device; by default the CPU's.

    """
    timer = timer or CpuTimer()
    found = Measurements(read_rows(path))
    known = {row.name for row in found.rows}
    todo = [piece for piece in pieces if piece.name not in known]
    done = len(pieces) - len(todo)
    begun = time.perf_counter()
    for group in _groups(todo, timer.together):
        if time.perf_counter() - begun > limit_seconds:
            break
        progress(done, len(pieces), group[0].name)
        rows = _rounds(group, timer, found)
        append_rows(path, rows)
        found.rows += rows
        done += len(rows)
    progress(done, len(pieces), "all")
    return found


def _groups(pieces: Iterable[Piece], together: int) -> Iterable[list[Piece]]:
    """Ops in groups, each network alone: it has rounds of its own layers within it. Both come by turns, so that a part is fair."""
    pieces = list(pieces)
    ops, networks = ([piece for piece in pieces if piece.network == whole] for whole in (False, True))
    groups = [ops[start : start + together] for start in range(0, len(ops), together)]
    alone = [[piece] for piece in networks]
    every = max(len(groups), len(alone))
    for turn in range(every):
        for each in (groups, alone):
            yield from each[turn * len(each) // every : (turn + 1) * len(each) // every]


def _rounds(group: Sequence[Piece], timer: Timer, found: Measurements) -> list[Row]:
    samples: list[list[Sample]] = [[] for _ in group]
    with torch.inference_mode():
        timer.make(group)
        before = timer.reference()
        for _ in range(_MOST_ROUNDS):
            made = timer.round()
            after = timer.reference()
            found.reference.append(after)
            steady = max(before, after) < _STEADY * timer.fastest
            before = after
            if not steady:
                found.disturbed += 1
                continue
            for known, sample in zip(samples, made, strict=True):
                known.append(sample)
            if len(samples[0]) == _ROUNDS or (group[0].network and len(samples[0]) > 1 and samples[0][0].seconds > _LONG_SECONDS):
                break
    return [_row(piece, known) for piece, known in zip(group, samples, strict=True) if known]


def _row(piece: Piece, samples: Iterable[Sample]) -> Row:
    seconds, faults = (median(each) for each in zip(*samples, strict=True))
    kernels = dict(piece.kernels)
    if faults >= 1:
        kernels[new_pages(int(faults) * mmap.PAGESIZE)] = 1
    return Row(piece.name, piece.network, kernels, seconds)


def _page_faults() -> int:
    """How many pages this process touched for the first time, so far; 0 where the system does not tell."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt if resource else 0


class Reference:
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
