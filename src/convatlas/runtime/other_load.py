"""How much of this machine others use meanwhile: what spoils a measurement."""

from __future__ import annotations

import os
import time
from pathlib import Path

_STAT = Path("/proc/stat")
_IDLE = (3, 4)  # columns: idle, waiting for a disk
_COUNTED = 8  # the columns after these, of guests, are counted in others already


class OtherLoad:
    """Cores that other processes keep busy, on average since it was made."""

    def __init__(self) -> None:
        self._wall, self._own, self._busy = time.perf_counter(), time.process_time(), _busy_seconds()

    def cores(self) -> float | None:
        """How many cores others kept busy; None where the system does not tell."""
        busy = _busy_seconds()
        if busy is None or self._busy is None:
            return None
        others = busy - self._busy - (time.process_time() - self._own)
        return max(others, 0.0) / max(time.perf_counter() - self._wall, 1e-9)


def _busy_seconds() -> float | None:
    """Seconds that all cores together were busy since the start of the system, by Linux's own count."""
    if not _STAT.exists():
        return None
    columns = [int(word) for word in _STAT.read_text().partition("\n")[0].split()[1 : _COUNTED + 1]]
    ticks = sum(columns) - sum(columns[place] for place in _IDLE)
    return ticks / os.sysconf("SC_CLK_TCK")
