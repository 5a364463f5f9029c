"""A graph's training step, or its inference, as the calls that a device runs."""

from __future__ import annotations

from ..devices.device import Device
from ..graph import Graph
from ..graph.layout import channels_last as channels_last_strides
from ..graph.layout import laid_out
from ..graph.training import TrainingGraph
from ..graph.transforms import decomposed, training_step


def step_on(
    graph: Graph, device: Device, *, channels_last: bool = False, accumulating: bool = False, backward: bool = True
) -> TrainingGraph:
    """The calls of a step, with what a device has no kernel for in its parts.

    Args:
        graph: the network; with its loss (`with_loss`) if it is to run backward.
        device: what runs it.
        channels_last: images and weights lie in torch's channels-last format.
        accumulating: gradients of earlier batches are there, and these are added to them.
        backward: False for the forward pass alone, under ``torch.no_grad``.

    """
    laid, strides = laid_out(graph, channels_last_strides(graph) if channels_last else {})
    parts = decomposed(laid, strides, device.decomposes)
    return training_step(*parts, accumulating=accumulating, backward=backward)
