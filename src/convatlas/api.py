"""The public functions that take a model in any form: a word as on the command line, an nn.Module, or a Graph."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from .analysis import cost as _cost
from .analysis import fit as _fit
from .analysis import memory as _memory
from .analysis import receptive_field as _receptive_field
from .analysis import verdict as _verdict
from .errors import ConvatlasError
from .graph import Graph
from .inputs import Inputs, InputsLike
from .sizes import in_bytes

if TYPE_CHECKING:
    from torch import nn

    from .analysis.verdict import Graphs

    Model = str | nn.Module | Graph


def create(name: str, **options: Any) -> Any:
    """Make a network of the zoo (see `convatlas.zoo.create`)."""
    from .zoo import create

    return create(name, **options)


def trace(model: str | nn.Module, inputs: InputsLike | None = None, *, training: bool = False) -> Graph:
    """The graph of one forward pass (see `convatlas.trace.trace`).

    Args:
        model: a module, or a word for one as on the command line: a zoo name, "torchvision:NAME", "timm:NAME",
            "package.module:callable" or "file.py:callable", built on the meta device; or a graph's ".json" file, read.
        inputs: shape with the batch axis, as (1, 3, 224, 224); for a word by default its own size with a batch of 1.
        training: trace the forward pass of training.

    Raises:
        ConvatlasError: there is no such network, it does not load, or it cannot be traced at that input.

    """
    from .models import Loaded, is_graph_file, load, read_graph
    from .models.loading import said_size
    from .models.tracing import own_size, traced

    if isinstance(model, str):
        if is_graph_file(model):
            return _at_its_own_input(read_graph(model), inputs, training)
        loaded = load(model)
    else:
        loaded = Loaded("", model, said_size(model))
        if inputs is None and loaded.input_size is None:
            raise ConvatlasError("an nn.Module needs an input shape, as (1, 3, 224, 224)")
    return traced(loaded, (1, *own_size(loaded)) if inputs is None else inputs, training)


def as_graph(model: Model, inputs: InputsLike | None = None, *, training: bool = False) -> Graph:
    """The model as a graph; a graph is returned as it is.

    Raises:
        ConvatlasError: a graph was given together with an input shape that is not its own, or for training though it is none of it.

    """
    return _at_its_own_input(model, inputs, training) if isinstance(model, Graph) else trace(model, inputs, training=training)


def _at_its_own_input(graph: Graph, inputs: InputsLike | None, training: bool) -> Graph:
    if inputs is not None:
        own, wanted = ([spec.shape for spec in specs] for specs in (graph.specs(graph.inputs), Inputs.of(inputs).specs()))
        if own != wanted:
            raise ConvatlasError(f"the graph was traced at {_in_words(own)}; for {_in_words(wanted)} trace the network itself")
    if training and not graph.training:
        raise ConvatlasError("the graph was traced for evaluation; trace the module with training=True")
    return graph


def _in_words(shapes: list[tuple[int, ...]]) -> str:
    return " and ".join(map(str, shapes))


def cost(model: Model, inputs: InputsLike | None = None, *, training: bool = False) -> _cost.Cost:
    """What one forward pass costs: ``.params .macs .flops .activation_bytes .layers .uncounted`` and more.

    Args:
        model: a zoo name, a module on any device, or a graph.
        inputs: shape with the batch axis, as (1, 3, 224, 224); all totals are for the whole batch.
        training: count the forward pass of training (auxiliary heads, dropout, batch statistics).

    """
    return _cost.cost(as_graph(model, inputs, training=training))


def receptive_field(model: Model, inputs: InputsLike | None = None) -> _receptive_field.ReceptiveFields:
    """The receptive field of every call (size, stride, offset in input pixels), branches taken into account."""
    return _receptive_field.receptive_field(as_graph(model, inputs))


def memory_settings(
    *,
    optimizer: str = "sgd",
    momentum: float = 0.9,
    precision: str = "fp32",
    device: str = "cpu",
    implementation: str | None = None,
    threads: int | None = None,
    channels_last: bool = False,
    accumulate: int = 1,
    ema: bool = False,
    ddp: bool = False,
    frozen: Sequence[str] = (),
    checkpoint: Sequence[str] = (),
) -> _memory.Settings:
    """Settings of a training step; "sgd" with a momentum above 0 keeps the momentum buffer.

    ``threads`` are of a CPU, 4 if nothing is said, so that a figure is the same on every machine.

    Raises:
        ConvatlasError: an unknown value, or one that does not go with the others.

    """
    on_cuda = device.lower().partition(":")[0] == "cuda"
    if not (math.isfinite(momentum) and momentum >= 0):
        raise ConvatlasError(f"`momentum` (={momentum:g}) must be a number of at least 0, such as 0.9")
    if on_cuda and threads is not None:
        raise ConvatlasError(f"`threads` (={threads}) is about a CPU, and the device is {device}; leave one of them out")
    return _memory.Settings(
        optimizer="momentum" if optimizer.lower() == "sgd" and momentum else optimizer.lower(),
        precision=precision.lower(),
        device="cuda" if on_cuda else device.lower(),
        implementation=implementation and implementation.lower(),
        threads=_memory.THREADS if threads is None else threads,
        channels_last=channels_last,
        accumulate=accumulate,
        ema=ema,
        ddp=ddp,
        frozen=tuple(frozen),
        checkpoint=tuple(checkpoint),
    )


def training_memory(model: Model, inputs: InputsLike | None = None, **settings: Any) -> _memory.TrainingMemory:
    """Peak memory of one training step, simulated from the graph: ``.peak_bytes``, breakdown, ``.timeline``, ``.layers``.

    Args:
        model: a zoo name, a module on any device, or a graph traced with ``training=True``.
        inputs: shape with the batch axis, as (32, 3, 224, 224); by default 32 images of a zoo network's own size.
        settings: see `memory_settings`: optimizer ("sgd", "adam", "adamw", "rmsprop", "adagrad", "lion"), momentum,
            precision ("fp32", "amp", "bf16", "fp16"), device ("cpu", "cuda"), implementation, threads, channels_last,
            accumulate, ema, ddp, frozen (module paths), checkpoint (module paths).

    Raises:
        ConvatlasError: an unknown setting's value, or a module path that does not exist; shows the nearest.

    """
    return _memory.training_memory(_step_graph(model, inputs), memory_settings(**settings))


def _step_graph(model: Model, inputs: InputsLike | None) -> Graph:
    if inputs is None and not isinstance(model, Graph) and not _is_graph_file(model):
        return graphs_by_batch(model)(_memory.TRAINING_BATCH)
    return as_graph(model, inputs, training=True)


def _is_graph_file(model: Model) -> bool:
    from .models import is_graph_file

    return isinstance(model, str) and is_graph_file(model)


def fit(model: Model, inputs: InputsLike | None = None, *, memory_bytes: int | str, **settings: Any) -> _verdict.Verdict:
    """Whether a training step fits into a memory: ``.fits .needed_bytes .spare_bytes .largest_batch .changes``.

    As a text it is the answer in a sentence, the first line that `convatlas memory --fit` prints.

    Args:
        model: a zoo name, a module on any device, or a graph traced with ``training=True``, which is known at its batch only.
        inputs: shape with the batch axis, as (64, 3, 224, 224); by default 32 images of a zoo network's own size.
        memory_bytes: of the device, as 8 * 2**30 or "8GiB". What the process takes beside the tensors is counted.
        settings: as for `training_memory`.

    Raises:
        ConvatlasError: an unknown setting's value, or the network cannot be trained so.

    """
    how, budget = memory_settings(**settings), in_bytes(memory_bytes, "memory_bytes")
    if isinstance(model, Graph) or _is_graph_file(model):
        return _verdict.verdict_at_one_batch(as_graph(model, inputs, training=True), budget, how)
    network, own, name = _network_of(model)
    given = Inputs(_size(own)).with_batch(_memory.TRAINING_BATCH) if inputs is None else Inputs.of(inputs)
    shapes = [spec.shape for spec in given.specs()]
    smaller = None
    if len(shapes) == 1:
        smaller = _verdict.at_smaller_input(shapes[0][1:], lambda size: _traced(network, Inputs(size).with_batch, name))
    return _verdict.verdict(_traced(network, given.at_batch, name), shapes[0][0], budget, how, smaller)


def max_batch(
    model: str | nn.Module, input_size: Sequence[int] | Inputs | None = None, *, memory_bytes: int | str, **settings: Any
) -> int:
    """The largest batch whose training step fits into ``memory_bytes``.

    Args:
        model: a zoo name or a module.
        input_size: of one image, as (3, 224, 224); a zoo network's own by default.
        memory_bytes: of the device, as 24 * 2**30 or "24GiB". What the process takes beside the tensors is counted.
        settings: as for `training_memory`.

    Raises:
        DoesNotFitError: a batch of one needs more; says how much, and what takes the most.

    """
    budget = in_bytes(memory_bytes, "memory_bytes")
    return _fit.max_batch(graphs_by_batch(model, input_size), budget, memory_settings(**settings)).batch


def graphs_by_batch(model: str | nn.Module, input_size: Sequence[int] | Inputs | None = None) -> Graphs:
    """A function from a batch to the model's graph in training mode; the model is built once."""
    network, own, name = _network_of(model)
    size = _size(own) if input_size is None else input_size
    sample = size if isinstance(size, Inputs) else Inputs(tuple(size))
    return _traced(network, sample.with_batch, name)


def _network_of(model: str | nn.Module) -> tuple[nn.Module, Sequence[int] | None, str]:
    """The network, the size of one image that it is made for, if that is known, and its name, if it has one."""
    if not isinstance(model, str):
        return model, getattr(model, "input_size", None), ""
    from .models import is_graph_file, load

    if is_graph_file(model):
        raise ConvatlasError(f"{model} holds a graph of one batch, which says nothing of others; name the network itself")
    loaded = load(model)
    return loaded.module, loaded.input_size, loaded.name


def _size(own: Sequence[int] | None) -> tuple[int, ...]:
    if own is None:
        raise ConvatlasError("an nn.Module needs the size of one image, as (3, 224, 224)")
    return tuple(own)


def _traced(network: nn.Module, inputs_at: Callable[[int], Inputs], name: str) -> Graphs:
    def graph_at(batch: int) -> Graph:
        graph = trace(network, inputs_at(batch), training=True)
        graph.name = name or graph.name
        return graph

    return graph_at
