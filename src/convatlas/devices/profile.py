"""Profile: how efficiently kernels run on a device, as data."""

from __future__ import annotations

from dataclasses import dataclass, field

from .card import Card
from .cuda.terms import least_seconds, terms
from .kernel import Kernel

LEAST_SHARE = 0.9  # of what the datasheet allows: clocks may lie above the datasheet's by so much


@dataclass(frozen=True, kw_only=True)
class Profile:
    """A device's coefficients.

    Attributes:
        name: of the profile, as in "rtx3090-amp-nchw-torch2.4".
        card: the device's datasheet.
        coefficients: term -> inverse efficiency, without a unit and never negative.

    """

    name: str
    card: Card
    coefficients: dict[str, float]
    _seconds: dict[Kernel, float] = field(default_factory=dict, repr=False, compare=False)

    def seconds(self, kernel: Kernel) -> float:
        """How long a kernel takes."""
        known = self._seconds.get(kernel)
        if known is None:
            known = LEAST_SHARE * least_seconds(kernel, self.card)
            known += sum(self.coefficients.get(name, 0.0) * seconds for name, seconds in terms(kernel, self.card))
            self._seconds[kernel] = known
        return known
