"""The public functions that take a model in any form: a word as on the command line, an nn.Module, or a Graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from .analysis import cost as _cost
from .analysis import fit as _fit
from .analysis import memory as _memory
from .analysis import receptive_field as _receptive_field
from .errors import ConvatlasError
from .graph import Graph
from .inputs import Inputs, InputsLike

if TYPE_CHECKING:
    from torch import nn

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
    from .models import is_graph_file, load, read_graph
    from .trace import trace

    if isinstance(model, str):
        if is_graph_file(model):
            return _at_its_own_input(read_graph(model), inputs, training)
        loaded = load(model)
        graph = trace(loaded.module, (1, *loaded.input_size) if inputs is None else inputs, training=training)
        graph.name = loaded.name
        return graph
    if inputs is None:
        own = getattr(model, "input_size", None)
        if own is None:
            raise ConvatlasError("an nn.Module needs an input shape, as (1, 3, 224, 224)")
        inputs = (1, *own)
    return trace(model, inputs, training=training)


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

    ``threads`` of a CPU are by default those that torch has here.
    """
    return _memory.Settings(
        optimizer="momentum" if optimizer == "sgd" and momentum else optimizer,
        precision=precision,
        device="cuda" if device.startswith("cuda") else device,
        implementation=implementation,
        threads=_threads_here() if threads is None else threads,
        channels_last=channels_last,
        accumulate=accumulate,
        ema=ema,
        ddp=ddp,
        frozen=tuple(frozen),
        checkpoint=tuple(checkpoint),
    )


def _threads_here() -> int:
    import torch

    return torch.get_num_threads()


def training_memory(model: Model, inputs: InputsLike | None = None, **settings: Any) -> _memory.TrainingMemory:
    """Peak memory of one training step, simulated from the graph: ``.peak_bytes``, breakdown, ``.timeline``, ``.layers``.

    Args:
        model: a zoo name, a module on any device, or a graph traced with ``training=True``.
        inputs: shape with the batch axis, as (32, 3, 224, 224).
        settings: see `memory_settings`: optimizer ("sgd", "adam", "adamw", "rmsprop", "adagrad", "lion"), momentum,
            precision ("fp32", "amp", "bf16", "fp16"), device ("cpu", "cuda"), implementation, threads, channels_last,
            accumulate, ema, ddp, frozen (module paths), checkpoint (module paths).

    Raises:
        ConvatlasError: an unknown setting's value, or a module path that does not exist; shows the nearest.

    """
    return _memory.training_memory(as_graph(model, inputs, training=True), memory_settings(**settings))


def max_batch(
    model: str | nn.Module, input_size: Sequence[int] | Inputs | None = None, *, memory_bytes: int, **settings: Any
) -> int:
    """The largest batch whose training step fits into ``memory_bytes``.

    Args:
        model: a zoo name or a module.
        input_size: of one image, as (3, 224, 224); a zoo network's own by default.
        memory_bytes: of the device, as 24 * 2**30. On CUDA a fitted share of it goes to context and libraries.
        settings: as for `training_memory`.

    Raises:
        DoesNotFitError: a batch of one needs more; says how much, and what takes the most.

    """
    return _fit.max_batch(graphs_by_batch(model, input_size), memory_bytes, memory_settings(**settings)).batch


def graphs_by_batch(model: str | nn.Module, input_size: Sequence[int] | Inputs | None = None) -> Callable[[int], Graph]:
    """A function from a batch to the model's graph in training mode; the model is built once."""
    if isinstance(model, str):
        from .models import is_graph_file, load

        if is_graph_file(model):
            raise ConvatlasError(f"{model} holds a graph of one batch, which says nothing of others; name the network itself")
        loaded = load(model)
        network: nn.Module = loaded.module
        own: Any = loaded.input_size
    else:
        network, own = model, getattr(model, "input_size", None)
    size = own if input_size is None else input_size
    if size is None:
        raise ConvatlasError("an nn.Module needs the size of one image, as (3, 224, 224)")
    sample = size if isinstance(size, Inputs) else Inputs(tuple(size))
    return lambda batch: trace(network, sample.with_batch(batch), training=True)
