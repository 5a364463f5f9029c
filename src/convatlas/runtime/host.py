"""What a measurement was taken on and with."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import torch

_PACKAGES = ("torch", "onnxruntime", "openvino")
_CPU_INFO = Path("/proc/cpuinfo")


@dataclass(frozen=True, slots=True)
class Host:
    """The machine, and the versions of what ran.

    Attributes:
        name: of the machine in its network.
        cpu: its model, as the system tells it.
        instructions: the widest that PyTorch uses here, as "AVX512".
        threads: that calls may use.
        versions: of the packages that run networks, where they are installed.

    """

    name: str
    cpu: str
    instructions: str
    threads: int
    versions: Mapping[str, str]


def this_host() -> Host:
    """The machine as it is now."""
    versions = {}
    for name in _PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return Host(platform.node(), _cpu(), torch.backends.cpu.get_cpu_capability(), torch.get_num_threads(), versions)


def _cpu() -> str:
    if _CPU_INFO.exists():
        for line in _CPU_INFO.read_text(errors="replace").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()
