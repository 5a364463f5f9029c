"""A kernel's script: what it allocates and frees, in order."""

from __future__ import annotations

from dataclasses import dataclass

OUTPUT = "output"  # the moment at which an op's outputs are made
PASSED = "passed"  # the gradient that came in goes on to the first input as it is


@dataclass(frozen=True, slots=True)
class Gradient:
    """The moment at which the gradient of input ``index`` is made, in ``num_bytes`` of memory if that is more than it needs."""

    index: int
    num_bytes: int = 0


Event = int | str | Gradient  # a positive number allocates that many bytes, a negative one frees them
Script = list[Event]
PLAIN_FORWARD: Script = [OUTPUT]
GRADIENTS = [Gradient(index) for index in range(16)]
