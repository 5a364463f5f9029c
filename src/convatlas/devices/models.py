"""The models of time that there are: which terms a profile's coefficients belong to."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from typing import NamedTuple

from .card import Card
from .cpu import terms as cpu
from .cuda import terms as gpu
from .cuda.priors import expected, part
from .kernel import Kernel
from .term import Term


class Model(NamedTuple):
    """What kernels' times are made of, and what the device's rates allow at the least."""

    terms: Callable[[Kernel, Card], Iterator[Term]]
    once: Callable[[Collection[Kernel]], Iterable[Term]]  # what kernels that differ take once in a pass
    least_seconds: Callable[[Kernel, Card], float]
    expected: Callable[[str], float]  # coefficients before anything was measured
    part: Callable[[str, Kernel, bool], str]  # of a kernel's time that a term belongs to, in `Parts`


MODELS = {
    "gpu": Model(gpu.terms, lambda kernels: (), gpu.least_seconds, expected, part),  # compiled networks on CPUs too
    "cpu": Model(cpu.terms, cpu.once, cpu.least_seconds, cpu.expected, lambda name, kernel, computes: "memory"),  # eager ones
}
