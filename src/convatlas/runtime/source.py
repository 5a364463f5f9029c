"""What the forms of a network are made of; what several of them need is made once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from torch import Tensor, nn
from torch.export import ExportedProgram

from .convert import exported_program


@dataclass(frozen=True)
class Source:
    """A network and images.

    Attributes:
        network: on the CPU, in evaluation mode; it stays as it is.
        images: (N, C, H, W) in float32, as it will get them.

    """

    network: nn.Module
    images: Tensor

    @cached_property
    def program(self) -> ExportedProgram:
        """See `exported_program`."""
        return exported_program(self.network, self.shape)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one image, (C, H, W)."""
        return tuple(self.images.shape[1:])
