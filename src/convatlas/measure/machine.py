"""The CPU of this machine as a datasheet: its rates as measured, since few CPUs' sheets name them."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import torch

from ..devices.card import Card
from ..devices.own import device_name
from ..runtime.host import cpu_name

_SIDE = 1024  # of the square matrices whose product stands for the peak
_COPIED_BYTES = 2**27
_TIMES = 7
_CACHES = Path("/sys/devices/system/cpu/cpu0/cache")
_UNITS = {"K": 2**10, "M": 2**20, "G": 2**30}
_ASSUMED_CACHE_BYTES = 2**24  # where the system does not tell
_ASSUMED_CLOCK_HZ = 2e9


def this_machine() -> str:
    """What this CPU is called among devices, with the threads that PyTorch uses now."""
    return device_name(cpu_name(), torch.get_num_threads())


def measured_card(now: Callable[[], float]) -> Card:
    """The CPU with the peak that products of two matrices of 1024 x 1024 reach, and the rate at which 128 MiB are copied."""
    flops = {dtype: 2 * _SIDE**3 / _fastest(_product(dtype), now) for dtype in dtypes()}
    source, target = torch.zeros(_COPIED_BYTES, dtype=torch.uint8), torch.ones(_COPIED_BYTES, dtype=torch.uint8)
    bandwidth = 2 * _COPIED_BYTES / _fastest(lambda: target.copy_(source), now)
    return Card(
        name=this_machine(), flops=flops, vector_flops=flops["float32"], bandwidth=bandwidth, l2_bytes=_last_cache_bytes(),
        processors=torch.get_num_threads(), clock_hz=_clock_hz(), memory_bytes=_memory_bytes(),
        source=f"measured: {cpu_name()}, {torch.get_num_threads()} thread{'' if torch.get_num_threads() == 1 else 's'}, PyTorch {torch.__version__}",
    )  # fmt: skip


def dtypes() -> tuple[str, ...]:
    """What the CPU computes convolutions in by instructions of its own."""
    known = torch.cpu.get_capabilities()
    return ("float32", "bfloat16") if any(known.get(name) for name in ("avx512_bf16", "amx_bf16", "bf16")) else ("float32",)


def _product(dtype: str) -> Callable[[], object]:
    left, right = (torch.randn(_SIDE, _SIDE).to(getattr(torch, dtype)) for _ in range(2))
    return lambda: left @ right


def _fastest(call: Callable[[], object], now: Callable[[], float]) -> float:
    call()
    times = []
    for _ in range(_TIMES):
        begun = now()
        call()
        times.append(now() - begun)
    return min(times)


def _last_cache_bytes() -> int:
    sizes = [0]
    for path in _CACHES.glob("index*/size"):
        if found := re.fullmatch(r"(\d+)([KMG])", path.read_text().strip()):
            sizes.append(int(found[1]) * _UNITS[found[2]])
    return max(sizes) or _ASSUMED_CACHE_BYTES


def _clock_hz() -> float:
    path = Path("/proc/cpuinfo")
    found = re.search(r"cpu MHz\s*:\s*([\d.]+)", path.read_text(errors="replace")) if path.exists() else None
    return float(found[1]) * 1e6 if found else _ASSUMED_CLOCK_HZ


def _memory_bytes() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
