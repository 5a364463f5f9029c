"""The networks' names of torchvision and timm, read from their source: neither is imported, which takes seconds."""

from __future__ import annotations

import importlib.util
import re
from functools import cache
from pathlib import Path

from ..names import matching

LIBRARIES = ("torchvision", "timm")
# both register a function as a network in this way; torchvision's may have another name than its function
_REGISTERED = re.compile(r'^@register_model(?:\((?:name="(\w+)")?\))?\n.*?^def (\w+)\(', re.MULTILINE | re.DOTALL)


@cache
def library_names(library: str) -> list[str]:
    """Every network that an installed library registers, in natural order; none if it is not installed."""
    found = importlib.util.find_spec(library)
    if found is None or not found.submodule_search_locations:
        return []
    folder = Path(found.submodule_search_locations[0]) / "models"
    texts = (path.read_text(encoding="utf-8") for path in folder.rglob("*.py"))
    return matching({name or function for text in texts for name, function in _REGISTERED.findall(text)})
