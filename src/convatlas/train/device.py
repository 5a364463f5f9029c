"""What the device can do: its precision, and how much memory is free."""

from __future__ import annotations

from pathlib import Path

import torch

from ..errors import ConvatlasError
from .job import Job, Precision

_CGROUP = (("memory.max", "memory.current"), ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"))


def device_of(job: Job) -> str:
    """The device: as asked, or CUDA where there is one.

    Raises:
        ConvatlasError: it is not here.
    """
    if job.device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        kind = torch.device(job.device).type
    except RuntimeError:
        raise ConvatlasError(f"unknown device {job.device!r}: choose cpu, cuda or auto") from None
    if kind not in ("cpu", "cuda"):
        raise ConvatlasError(f"training on {job.device!r} is not supported: choose cpu, cuda or auto")
    if kind == "cuda" and not torch.cuda.is_available():
        raise ConvatlasError("`device` (=cuda): torch sees no CUDA device here; leave it out, or say cpu")
    return job.device


def precision_of(asked: Precision, device: str) -> Precision:
    """The precision: "auto" is autocast to bfloat16 where the device multiplies in it, else float32."""
    if asked != "auto":
        return asked
    if device.startswith("cuda"):
        return "bf16" if torch.cuda.is_bf16_supported() else "amp"
    known = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    return "bf16" if known.get("amx_bf16") or known.get("avx512_bf16") else "fp32"


def accelerate_precision(precision: Precision, device: str) -> str:
    """The name that accelerate has for it: "amp" is float16 on CUDA and bfloat16 on a CPU."""
    return {"fp32": "no", "bf16": "bf16", "amp": "fp16" if device == "cuda" else "bf16"}[precision]


def autocast(precision: Precision, device: str) -> torch.autocast:
    """The context of a forward pass at a precision, as accelerate makes it."""
    kind = torch.device(device).type
    dtype = torch.float16 if accelerate_precision(precision, kind) == "fp16" else torch.bfloat16
    return torch.autocast(kind, dtype=dtype, enabled=precision != "fp32")


def free_bytes(device: torch.device) -> int | None:
    """Bytes that a process can still have on a device; None where that cannot be told."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    found = []
    meminfo = Path("/proc/meminfo")
    if meminfo.is_file():
        rows = dict(line.split(":", 1) for line in meminfo.read_text().splitlines() if ":" in line)
        if "MemAvailable" in rows:
            found.append(int(rows["MemAvailable"].split()[0]) * 1024)
    for limit, used in _CGROUP:
        places = [Path("/sys/fs/cgroup") / limit, Path("/sys/fs/cgroup") / used]
        if all(place.is_file() for place in places):
            most, now = (place.read_text().strip() for place in places)
            if most.isdigit():
                found.append(max(int(most) - int(now), 0))
    return min(found, default=None)
