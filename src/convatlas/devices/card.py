"""Card: what a device's datasheet says. Rates in units a second, sizes in bytes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Card:
    """A device's datasheet.

    Attributes:
        name: as in "rtx4090".
        flops: peak FLOPs a second of matrix products by dtype, dense, accumulated in float32 (on tensor cores where it has them).
        vector_flops: peak FLOPs a second in float32 without tensor cores.
        bandwidth: of the memory, bytes a second.
        l2_bytes: size of the last cache before memory.
        processors: streaming multiprocessors; a CPU's cores.
        clock_hz: boost clock.
        memory_bytes: of the device.
        source: where these figures stand.

    """

    name: str
    flops: dict[str, float]
    vector_flops: float
    bandwidth: float
    l2_bytes: int
    processors: int
    clock_hz: float
    memory_bytes: int
    source: str

    def peak(self, dtype: str) -> float:
        """Peak FLOPs a second of matrix products in a dtype; the vector units' where the datasheet names none."""
        return self.flops.get(dtype, self.vector_flops)
