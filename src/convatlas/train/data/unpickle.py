"""Unpickles arrays and plain containers, and nothing else: CIFAR's python files are pickles, and a pickle may run anything."""

from __future__ import annotations

import codecs
import pickle
from pathlib import Path
from typing import Any

import numpy as np
from numpy._core import multiarray

from .errors import DataError

# what numpy's arrays are pickled with, under the names of old versions and new ones
_ALLOWED: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("_codecs", "encode"): codecs.encode,  # how Python 3 writes bytes in protocols 0 to 2
    **{
        (f"numpy.{core}.multiarray", name): getattr(multiarray, name)
        for core in ("core", "_core")
        for name in ("_reconstruct", "scalar")
    },
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(
                f"it asks for {module}.{name}, which is neither an array nor a plain container; nothing was run"
            )
        return _ALLOWED[module, name]


def unpickle(file: Path) -> Any:
    """What a pickle of arrays, numbers, strings, lists and dicts holds; strings of Python 2 become bytes.

    Raises:
        DataError: it cannot be read, is damaged, or asks for anything else.
    """
    try:
        with file.open("rb") as opened:
            return _Unpickler(opened, encoding="bytes").load()
    except Exception as error:  # damaged pickles raise what they like
        raise DataError(f"{file} cannot be read as a pickle of arrays: {error}") from error
