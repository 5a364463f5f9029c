"""Accuracy and loss as sums over images: each counts once, whatever the batches and the processes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .data import Batch

TOP = 5  # of top-5, which says nothing where there are fewer classes


@dataclass(frozen=True, kw_only=True)
class Scores:
    """What a network reaches on images.

    Attributes:
        loss: mean cross-entropy, neither smoothed nor weighted.
        top1: accuracy in percent.
        top5: the same with five guesses; None below five classes.
        images: how many there were.
        confusion: images by true class (rows) and predicted class, int64 (K, K) on the CPU.
    """

    loss: float
    top1: float
    top5: float | None
    images: int
    confusion: Tensor

    def record(self) -> dict[str, Any]:
        """The figures, for JSON."""
        return {"loss": self.loss, "top1": self.top1, "top5": self.top5, "images": self.images}


@torch.inference_mode()
def evaluate_batches(
    network: nn.Module,
    batches: Iterable[Batch],
    classes: int,
    *,
    device: torch.device | str = "cpu",
    channels_last: bool = False,
    autocast: Callable[[], AbstractContextManager[Any]] = nullcontext,
    summed: Callable[[Tensor], Tensor] = lambda tensor: tensor,
    watch: Callable[[Batch, Tensor], None] | None = None,
) -> Scores:
    """Score a network, in evaluation mode, on labelled batches.

    Args:
        network: on ``device``; its mode is put back.
        batches: of the split; of several processes, each brings its part.
        classes: logits.
        device: of the network.
        channels_last: give images in that memory format.
        autocast: makes the context in which a forward pass runs.
        summed: adds a tensor up over the processes.
        watch: is shown each batch, and its logits.
    """
    loss = torch.zeros((), dtype=torch.float32 if torch.device(device).type == "mps" else torch.float64, device=device)
    among_top = torch.zeros((), dtype=torch.int64, device=device)
    confusion = torch.zeros(classes * classes, dtype=torch.int64, device=device)
    was = network.training
    network.eval()
    for batch in batches:
        if not batch.count:
            continue
        with autocast():
            logits = first_of(network(to_device(batch.pixels, device, channels_last))).float()
        if watch is not None:
            watch(batch, logits.cpu())
        labels = batch.labels.to(device)
        loss += F.cross_entropy(logits, labels, reduction="sum")
        confusion += torch.bincount(labels * classes + logits.argmax(1), minlength=classes * classes)
        among_top += (logits.topk(min(TOP, classes)).indices == labels[:, None]).sum()
    network.train(was)
    table = summed(confusion).view(classes, classes).cpu()
    images = int(table.sum())
    return Scores(
        loss=float(summed(loss)) / images,
        top1=100 * int(table.diagonal().sum()) / images,
        top5=100 * int(summed(among_top)) / images if classes >= TOP else None,
        images=images,
        confusion=table,
    )


def first_of(output: Any) -> Tensor:
    """The logits (N, K) of what a network returns: a tensor, or the first of several."""
    logits: Tensor = output if isinstance(output, Tensor) else output[0]
    return logits


def to_device(pixels: Tensor, device: torch.device | str, channels_last: bool) -> Tensor:
    """Images where the network is, lying as its weights lie; the CPU does not wait for a copy out of pinned memory."""
    layout = torch.channels_last if channels_last else torch.contiguous_format
    return pixels.to(device, non_blocking=True, memory_format=layout)
