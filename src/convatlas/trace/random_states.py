"""The states of the random generators, kept as they were found."""

from __future__ import annotations

import ctypes
import random
import struct
import sys
from collections.abc import Iterable
from typing import Any

import torch

_MT19937_BYTES = 625 * 4  # the state of Python's generator and of numpy's: 624 words and a position


def _pythons_memory() -> tuple[Any, int] | None:
    """Python's generator and the address of its state, or None where the state does not lie there as expected.

    To copy it from there takes a tenth of the time of `random.getstate`, which makes 625 numbers.
    """
    generator: Any = random.getstate.__self__  # type: ignore[attr-defined]
    address = id(generator) + object.__basicsize__
    if type(generator).__basicsize__ < object.__basicsize__ + _MT19937_BYTES:
        return None
    position, *words = struct.unpack("625I", ctypes.string_at(address, _MT19937_BYTES))
    return (generator, address) if (*words, position) == random.getstate()[1] else None


_PYTHONS = _pythons_memory()


class RandomStates:
    """The states of Python's, numpy's and torch's random generators; a forward pass may draw from them or seed them.

    The kinds of modules are those that run code of their own.
    """

    def __init__(self, kinds: Iterable[type]) -> None:
        self.python: Any = _copied(*_PYTHONS) if _PYTHONS else random.getstate()
        self.torch = torch.default_generator.get_state()
        self.numpy_random = sys.modules.get("numpy.random")  # its generator exists once it is imported
        if self.numpy_random:
            usual = type(self.numpy_random.get_bit_generator()) is self.numpy_random.MT19937
            self.numpy = self._numpys_memory() if usual else None
            # asking for the whole state, with the number that a normal draw leaves over, takes a hundred times longer
            homes = [vars(sys.modules[kind.__module__]) for kind in kinds if kind.__module__ in sys.modules]
            draws = not usual or any("np" in home or "numpy" in home for home in homes)
            self.numpy_whole = self.numpy_random.get_state(legacy=False) if draws else None

    def _numpys_memory(self) -> tuple[int, bytes]:
        """Where numpy's generator keeps its state, and the state."""
        assert self.numpy_random is not None
        address = self.numpy_random.get_bit_generator().ctypes.state_address
        return address, ctypes.string_at(address, _MT19937_BYTES)

    def put_back(self) -> None:
        """Let the generators go on from where they were."""
        if _PYTHONS:
            generator, address = _PYTHONS
            state, generator.gauss_next = self.python
            ctypes.memmove(address, state, _MT19937_BYTES)
        else:
            random.setstate(self.python)
        torch.default_generator.set_state(self.torch)
        if self.numpy_random:
            if self.numpy_whole is not None:
                self.numpy_random.set_state(self.numpy_whole)
            elif self.numpy is not None and self._numpys_memory() != self.numpy:
                ctypes.memmove(*self.numpy, _MT19937_BYTES)


def _copied(generator: Any, address: int) -> tuple[bytes, Any]:
    """Its state, and the number that a normal draw has left over."""
    return ctypes.string_at(address, _MT19937_BYTES), generator.gauss_next
