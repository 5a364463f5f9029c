"""Profiles that were measured here: where they are kept."""

from __future__ import annotations

import os
import re
from pathlib import Path

THIS_MACHINE = "cpu"
THIS_GPU = "cuda"
_SAYS_NOTHING = re.compile(r"nvidia|geforce|tesla|gpu|generation|\d+gb|hbm\w*|pcie|sxm\d?|nvl")  # of a GPU's name


def own_folder() -> Path:
    """Where the user's own profiles are: in ``CONVATLAS_HOME``, or convatlas in the user's data."""
    if own := os.environ.get("CONVATLAS_HOME"):
        return Path(own).expanduser() / "profiles"
    base = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(base) / "convatlas" / "profiles"


def own_profiles() -> dict[str, Path]:
    """Name -> file of the user's own profiles."""
    return {path.stem: path for path in sorted(own_folder().glob("*.json"))}


def gpu_name(title: str) -> str:
    """What a GPU is called among devices, by torch's name of it: "NVIDIA GeForce RTX 4090" is "rtx4090", whether or not there is a datasheet."""
    words = [word for word in re.split(r"[^a-z0-9]+", title.lower()) if word and not _SAYS_NOTHING.fullmatch(word)]
    return "".join(words) or "gpu"


def device_name(cpu: str, threads: int) -> str:
    """What a CPU with so many threads is called among devices, as "amd_epyc_2_threads"; its profiles' names begin with it."""
    words = re.sub(r"\((r|tm)\)|@.*|\bcpu\b|\bprocessor\b", " ", cpu.lower())
    slug = re.sub(r"[^a-z0-9]+", "_", words).strip("_") or "cpu"
    return f"{slug}_{threads}_thread{'' if threads == 1 else 's'}"
