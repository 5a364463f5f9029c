"""What a loader gives: one process's part of a batch."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

NO_LABEL = -100
"""The label of a stand-in; ``cross_entropy(..., reduction="sum")`` leaves it out by itself."""


@dataclass(frozen=True, kw_only=True)
class Batch:
    """One process's part of a batch.

    In training, the loss of a batch is ``cross_entropy(output, target, reduction="sum") / total``, summed over the processes.

    Attributes:
        pixels: float32 (N, C, H, W), normalised.
        labels: int64 (N,), never mixed.
        targets: float32 (N, classes) where the augmentation mixes, else None.
        indexes: int64 (N,), of the images that were read.
        count: images that count, in this part: N, but 0 where a process has none in a last, short batch and got a stand-in, whose
            label is ``NO_LABEL`` and whose targets are 0.
        total: images of the batch over all processes. In validation, where a broken image is left out, it was counted in.
    """

    pixels: Tensor
    labels: Tensor
    targets: Tensor | None
    indexes: Tensor
    count: int
    total: int

    def pin_memory(self) -> Batch:
        """The same in pinned memory, from which a GPU copies while the CPU goes on."""
        return Batch(
            pixels=self.pixels.pin_memory(),
            labels=self.labels.pin_memory(),
            targets=None if self.targets is None else self.targets.pin_memory(),
            indexes=self.indexes,
            count=self.count,
            total=self.total,
        )
