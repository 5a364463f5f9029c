"""A network that was read from a file: called like one of torch's, in the runtime of its format."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from torch import Tensor

from ..errors import ConvatlasError
from ..models.shapes import shown
from .card import Card


@dataclass(frozen=True)
class Opened:
    """A network in a file, and what the file says of it.

    Attributes:
        path: of the file.
        card: what it says of its network.
        sizes: of one sample of each input that it takes, as (C, H, W).
    """

    path: Path
    card: Card
    sizes: tuple[tuple[int, ...], ...]
    _run: Callable[..., list[Tensor]] = field(repr=False)

    def __call__(self, *inputs: Tensor) -> Tensor:
        """Its first output for inputs (N, ...) in float32, as images (N, C, H, W), on the CPU.

        Raises:
            ConvatlasError: it was exported for inputs of other sizes, or for more or fewer of them.
        """
        return self.outputs(*inputs)[0]

    def outputs(self, *inputs: Tensor) -> list[Tensor]:
        """All of its outputs, in order."""
        given = tuple(tuple(each.shape[1:]) for each in inputs)
        if given != self.sizes:
            what = "images" if len(self.sizes) == 1 else "inputs"
            its, asked = (" and ".join(map(shown, sizes)) for sizes in (self.sizes, given))
            options = " ".join(f"--input {shown(size)}" for size in given)
            raise ConvatlasError(f"{self.path} takes {what} of {its}, not of {asked}; export it with {options} for those")
        if len({len(each) for each in inputs}) > 1:
            raise ConvatlasError(f"{self.path} takes inputs of one batch, not of {' and '.join(str(len(each)) for each in inputs)}")
        return self._run(*inputs)
