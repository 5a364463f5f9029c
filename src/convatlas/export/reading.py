"""A network that was read from a file: called like one of torch's, in the runtime of its format."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from torch import Tensor

from ..errors import ConvatlasError
from .card import Card


@dataclass(frozen=True)
class Opened:
    """A network in a file, and what the file says of it.

    Attributes:
        path: of the file.
        card: what it says of its network.
        input_size: of one sample that it takes, (C, H, W).
    """

    path: Path
    card: Card
    input_size: tuple[int, ...]
    _run: Callable[[Tensor], list[Tensor]] = field(repr=False)

    def __call__(self, images: Tensor) -> Tensor:
        """Its first output for images (N, C, H, W) in float32, on the CPU.

        Raises:
            ConvatlasError: it was exported for images of another size.
        """
        return self.outputs(images)[0]

    def outputs(self, images: Tensor) -> list[Tensor]:
        """All of its outputs, in order."""
        if tuple(images.shape[1:]) != self.input_size:
            own, given = ("x".join(map(str, size)) for size in (self.input_size, images.shape[1:]))
            raise ConvatlasError(f"{self.path} takes images of {own}, not of {given}; export it with --input {given} for those")
        return self._run(images)
