"""The public functions that take a model in any form: a zoo name, an nn.Module, or a Graph."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .analysis import cost as _cost
from .analysis import receptive_field as _receptive_field
from .graph import Graph

if TYPE_CHECKING:
    from torch import nn

    Model = str | nn.Module | Graph


def create(name: str, **options: Any) -> Any:
    """Make a network of the zoo (see `convatlas.zoo.create`)."""
    from .zoo import create

    return create(name, **options)


def trace(model: str | nn.Module, inputs: Any = None, *, training: bool = False) -> Graph:
    """The graph of one forward pass (see `convatlas.trace.trace`).

    A zoo name is built on the meta device, and traced at its default input with a batch of 1 unless ``inputs`` says otherwise.
    """
    from .trace import trace

    if isinstance(model, str):
        import torch

        from .zoo import create, entry

        if inputs is None:
            inputs = (1, *entry(model).input_size)
        with torch.device("meta"):
            network = create(model)
        graph = trace(network, inputs, training=training)
        graph.name = model
        return graph
    if inputs is None:
        inputs = getattr(model, "input_size", None)
        if inputs is None:
            raise ValueError("an nn.Module needs an input shape, as (1, 3, 224, 224)")
        inputs = (1, *inputs)
    return trace(model, inputs, training=training)


def as_graph(model: Model, inputs: Any = None, *, training: bool = False) -> Graph:
    """The model as a graph; a graph is returned as it is.

    Raises:
        ValueError: a graph was given together with an input shape that is not its own.
    """
    if isinstance(model, Graph):
        own = model.values[model.inputs[0]].shape
        if inputs is not None and tuple(inputs) != own:
            raise ValueError(f"the graph was traced at {own}; for an input of {tuple(inputs)} trace the module again")
        return model
    return trace(model, inputs, training=training)


def cost(model: Model, inputs: Any = None, *, training: bool = False) -> _cost.Cost:
    """What one forward pass costs: ``.params .macs .flops .activation_bytes .layers .uncounted`` and more.

    Args:
        model: a zoo name, a module on any device, or a graph.
        inputs: shape with the batch axis, as (1, 3, 224, 224); all totals are for the whole batch.
        training: count the forward pass of training (auxiliary heads, dropout, batch statistics).
    """
    return _cost.cost(as_graph(model, inputs, training=training))


def receptive_field(model: Model, inputs: Any = None) -> _receptive_field.ReceptiveFields:
    """The receptive field of every call (size, stride, offset in input pixels), branches taken into account."""
    return _receptive_field.receptive_field(as_graph(model, inputs))
