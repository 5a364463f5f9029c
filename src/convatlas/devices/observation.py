"""Observation: a network's measured time, and the terms that it is made of."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from .kernel import Kernel


@dataclass(frozen=True)
class Observation:
    """A network's time, and what it is made of.

    Attributes:
        network: its name; one at several sizes is left out as a whole.
        family: of the network.
        seconds: that the batch took.
        least: seconds that the datasheet allows, over all kernels.
        terms: term -> seconds at the datasheet's rates, over all kernels.
        macs: multiply-accumulates of a forward pass.
        bytes_moved: memory traffic of its kernels.
        kernels: what runs, and how often.

    """

    network: str
    family: str
    seconds: float
    least: float
    terms: Mapping[str, float]
    macs: int = 0
    bytes_moved: int = 0
    kernels: Mapping[Kernel, int] = field(default_factory=dict, repr=False)


def seen_shares(observations: Sequence[Observation], coefficients: Mapping[str, float]) -> dict[str, float]:
    """For each kind of kernel, the largest share of a network's time that it had in the networks fitted on."""
    most = defaultdict[str, float](float)
    for each in observations:
        for kind, seconds in shares_by_kind(each.terms, coefficients).items():
            most[kind] = max(most[kind], seconds / each.seconds)
    return dict(most)


def shares_by_kind(terms: Mapping[str, float], coefficients: Mapping[str, float]) -> dict[str, float]:
    """Seconds by the kind of term: what stands before its last part."""
    made = defaultdict[str, float](float)
    for name, seconds in terms.items():
        if coefficient := coefficients.get(name):
            made[name.rpartition("/")[0] or name] += coefficient * seconds
    return made
