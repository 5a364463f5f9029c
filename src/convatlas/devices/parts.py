"""Parts of a kernel's time by which of a device's rates it follows, and a profile of which each part is scaled."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from .card import Card
from .kernel import Kernel
from .models import MODELS
from .profile import LEAST_SHARE, Profile
from .sustained import cache_speedup, sustained_product_flops, sustained_vector_flops

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping


class Parts(NamedTuple):
    """One value for each part of a time.

    Attributes:
        fixed: launches and what a call takes once.
        memory: what the memory's bandwidth allows at the least.
        cache: traffic beyond it, which the L2 serves.
        vector: work of the vector units.
        product: matrix products.

    """

    fixed: float = 0.0
    memory: float = 0.0
    cache: float = 0.0
    vector: float = 0.0
    product: float = 0.0

    def times(self, others: Parts) -> Parts:
        """Part by part, the product."""
        return Parts(*(mine * its for mine, its in zip(self, others, strict=True)))


ONES = Parts(1.0, 1.0, 1.0, 1.0, 1.0)


def parts_of(profile: Profile, kernel: Kernel) -> Parts:
    """A kernel's seconds by a fitted profile, by part."""
    model, card = MODELS[profile.model], profile.card
    least = LEAST_SHARE * model.least_seconds(kernel, card)
    computes = 2.0 * kernel.macs / card.peak(kernel.dtype) >= kernel.bytes_moved / card.bandwidth
    sums = dict.fromkeys(Parts._fields, 0.0)
    sums["product" if computes and kernel.product else "memory"] = least
    for name, seconds in profile.terms(kernel):
        if coefficient := profile.coefficients.get(name):
            sums[model.part(name, kernel, computes)] += coefficient * seconds
    return Parts(*(profile.passes * seconds for seconds in sums.values()))


def network_parts(profile: Profile, counts: Mapping[Kernel, int]) -> Parts:
    """Seconds of all kernels of a network, by part."""
    fitted = profile.fitted
    sums = [fitted.call_seconds + fitted.once_seconds(counts), 0.0, 0.0, 0.0, 0.0]
    for kernel, count in counts.items():
        for place, seconds in enumerate(parts_of(fitted, kernel)):
            sums[place] += count * seconds
    return Parts(*sums).times(profile.scales if isinstance(profile, Scaled) else ONES)


def speedups(of: Card, over: Card) -> Parts:
    """How many times as fast one card runs each part of a kernel as another, by their datasheets. What the host takes is the same."""
    return Parts(
        1.0,
        of.bandwidth / over.bandwidth,
        cache_speedup(of, over),
        sustained_vector_flops(of) / sustained_vector_flops(over),
        sustained_product_flops(of) / sustained_product_flops(over),
    )


@dataclass(frozen=True, kw_only=True)
class Scaled(Profile):
    """A fitted profile of which each part of a time is scaled, for another card or by what was measured.

    No kernel's time lies further below what the datasheet allows than in a fitted profile.

    Attributes:
        origin: the fitted profile.
        scales: what its seconds are multiplied by.

    """

    origin: Profile
    scales: Parts
    _scaled: dict[Kernel, float] = field(default_factory=dict, repr=False, compare=False)

    @property
    def fitted(self) -> Profile:
        """The profile whose coefficients these are."""
        return self.origin

    def seconds(self, kernel: Kernel) -> float:
        """How long a kernel takes."""
        known = self._scaled.get(kernel)
        if known is None:
            least = self.passes * LEAST_SHARE * MODELS[self.model].least_seconds(kernel, self.card)
            known = self._scaled[kernel] = max(sum(parts_of(self.origin, kernel).times(self.scales)), least)
        return known

    @property
    def call_seconds(self) -> float:
        """What a call of the network takes once, beside its kernels."""
        return self.origin.call_seconds * self.scales.fixed

    def once_seconds(self, kernels: Collection[Kernel]) -> float:
        """What kernels that differ take once in a pass, beside each one's own time."""
        return self.origin.once_seconds(kernels) * self.scales.fixed


def scaled(profile: Profile, scales: Parts, *, card: Card, name: str, interval: dict[str, tuple[float, float]]) -> Scaled:
    """A profile, scaled itself perhaps, with its parts scaled (further) to a card."""
    before = profile.scales if isinstance(profile, Scaled) else ONES
    fitted = profile.fitted
    return Scaled(
        name=name, card=card, coefficients=fitted.coefficients, conditions=fitted.conditions, model=fitted.model, passes=fitted.passes,
        source=fitted.source, networks=fitted.networks, validation=fitted.validation, interval=interval, seen=fitted.seen, origin=fitted,
        scales=before.times(scales),
    )  # fmt: skip
