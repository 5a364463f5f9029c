"""What a measurement was taken on and with."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Mapping
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
    instructions, threads = torch.backends.cpu.get_cpu_capability(), torch.get_num_threads()
    return Host(platform.node(), cpu_name(), instructions, threads, installed_versions(_PACKAGES))


def installed_versions(packages: Iterable[str]) -> dict[str, str]:
    """Those of the packages that are installed, with their versions."""
    versions = {}
    for name in packages:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions


def cpu_name() -> str:
    """The CPU's model, as it or the system tells it."""
    known = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    return str(known.get("cpu_name") or _model_name() or platform.processor() or platform.machine())


def _model_name() -> str:
    if _CPU_INFO.exists():
        for line in _CPU_INFO.read_text(errors="replace").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                return value.strip()
    return ""
