"""Batch norms folded into the convolutions before them, for inference."""

from __future__ import annotations

import copy
from collections import Counter

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd
from torch.nn.utils.fusion import fuse_conv_bn_eval

from ..graph import Graph


def folded(network: nn.Module, graph: Graph) -> tuple[nn.Module, int]:
    """A copy of the network in evaluation mode whose convolutions do their batch norm's work, and how many of them there are.

    A pair is folded where the graph shows that nothing else reads the convolution's output, and that each of the two is
    called once. Their own hooks or parametrizations keep them as they are.

    Args:
        network: on any device; it stays as it is.
        graph: of one of its forward passes in evaluation mode.

    """
    still = copy.deepcopy(network).eval()
    done = 0
    for first, second in _pairs(graph):
        convolution, norm = still.get_submodule(first), still.get_submodule(second)
        if _can_be_joined(convolution, norm):
            _put(still, first, fuse_conv_bn_eval(convolution, norm))  # type: ignore[type-var, arg-type]
            _put(still, second, nn.Identity())
            done += 1
    return still, done


def _pairs(graph: Graph) -> list[tuple[str, str]]:
    """Paths of a convolution and of the batch norm that alone reads it, each called once."""
    readers = Counter(value for node in graph.nodes for value in node.inputs)
    readers.update(graph.outputs)
    calls = Counter(node.module for node in graph.nodes)
    made_by = {value: node for node in graph.nodes for value in node.outputs}
    pairs = []
    for node in graph.nodes:
        source = made_by.get(node.inputs[0]) if node.inputs else None
        if node.op.kind != "batch_norm" or source is None or source.op.kind != "conv":
            continue
        alone = readers[source.outputs[0]] == 1 and calls[node.module] == 1 and calls[source.module] == 1
        if alone and node.module and source.module:
            pairs.append((source.module, node.module))
    return pairs


def _can_be_joined(convolution: nn.Module, norm: nn.Module) -> bool:
    plain = not any(
        each._forward_hooks or each._forward_pre_hooks or hasattr(each, "parametrizations") for each in (convolution, norm)
    )
    return (
        plain
        and type(convolution) in (nn.Conv1d, nn.Conv2d, nn.Conv3d)
        and type(norm) in (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
        and isinstance(convolution, _ConvNd)
        and isinstance(norm, _BatchNorm)
        and norm.running_mean is not None
    )


def _put(network: nn.Module, path: str, module: nn.Module) -> None:
    parent, _, name = path.rpartition(".")
    setattr(network.get_submodule(parent), name, module)
