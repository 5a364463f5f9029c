"""What ops with windows share: each position sees some of the input along each of the last axes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import gcd

from .base import Op, Specs, Window
from .reading import Along, Reads


@dataclass(frozen=True, slots=True)
class _Windowed(Op):
    """An op on (N, C, *size) or (C, *size), whose positions along the spatial axes see windows."""

    def window(self, inputs: Specs, outputs: Specs) -> Window:
        rank = self.spatial_axes(inputs)
        rates = [self.rate(place, inputs, outputs) for place in range(rank)]
        seen = [
            [taps for position in range(after) if (taps := self.sees(place, position, inputs, outputs))]
            for place, (_, after) in enumerate(rates)
        ]
        return Window(
            tuple([max(taps[-1] - taps[0] + 1 for taps in each) for each in seen]),
            tuple([before / after for before, after in rates]),
            tuple([-min(taps[0] for taps in each) for each in seen]),
            (1,) * rank,
        )

    def sees(self, place: int, position: int, inputs: Specs, outputs: Specs) -> Sequence[int]:
        """Which input positions an output position sees along the spatial axis ``place``."""
        window = self.window(inputs, outputs)
        dilation = window.dilation[place]
        first = position * int(window.stride[place]) - window.padding[place]
        return range(first, first + (window.kernel[place] - 1) * dilation + 1, dilation)

    def rate(self, place: int, inputs: Specs, outputs: Specs) -> tuple[int, int]:
        """So many positions on in the input for so many in the output: stride 2 is (2, 1), upsampling by 2 is (1, 2)."""
        return int(self.window(inputs, outputs).stride[place]), 1

    def mixes_channels(self, inputs: Specs) -> bool:
        """Whether an output channel sees all input channels, and not its own alone."""
        return False

    def reads(self, index: int, output: int, inputs: Specs, outputs: Specs) -> Reads:
        before, after = inputs[index].shape, outputs[output].shape
        if index:
            return ((),) * len(after)
        lead = len(before) - self.spatial_axes(inputs)
        reads: list[tuple[Along, ...]] = [(Along(axis, before[axis]),) for axis in range(lead - 1)]
        reads.append(() if self.mixes_channels(inputs) else (Along(lead - 1, before[lead - 1]),))
        for place, size in enumerate(after[lead:]):
            step, turn = self.rate(place, inputs, outputs)
            seen = tuple([tuple(self.sees(place, position, inputs, outputs)) for position in range(turn)])
            reads.append((Along(lead + place, size, step, seen),))
        return tuple(reads)


def ratio(before: int, after: int) -> tuple[int, int]:
    """A map's resizing as a rate: positions of the input for positions of the output, in lowest terms."""
    common = gcd(before, after)
    return before // common, after // common
