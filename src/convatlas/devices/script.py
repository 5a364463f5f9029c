"""A kernel's script: what it allocates and frees, in order."""

from __future__ import annotations

from dataclasses import dataclass

OUTPUT = "output"  # the moment at which an op's outputs are made


@dataclass(frozen=True, slots=True)
class Made:
    """The moment at which the gradient of input ``index`` is made, in ``num_bytes`` of memory if that is more than it needs."""

    index: int
    num_bytes: int = 0


Event = int | str | Made  # a positive number allocates that many bytes, a negative one frees them
Script = list[Event]
PLAIN: Script = []  # nothing but the outputs
GRADIENTS = [Made(index) for index in range(64)]
