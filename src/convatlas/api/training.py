"""The public functions about a training step: its memory, whether it fits, the largest batch."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ..analysis import fit as _fit
from ..analysis import memory as _memory
from ..analysis import verdict as _verdict
from ..analysis.checkpoints import with_checkpoints
from ..devices.named import DEVICES
from ..errors import ConvatlasError
from ..graph import Graph
from ..inputs import Inputs, InputsLike
from ..models import Loaded, is_graph_file
from ..sizes import in_bytes
from .counting import as_graph, loaded_from, size_of

if TYPE_CHECKING:
    from torch import nn

    from ..analysis.verdict import Graphs
    from .counting import Model


def training_memory(
    model: Model,
    inputs: InputsLike | None = None,
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
    frozen: str | Sequence[str] = (),
    checkpoint: str | Sequence[str] = (),
) -> _memory.TrainingMemory:
    """Peak memory of one training step, simulated from the graph: ``.peak_bytes``, ``.breakdown``, ``.timeline``, ``.layers``.

    Args:
        model: a word for a network, a module on any device, or a graph traced with ``training=True``.
        inputs: shape with the batch axis, as (32, 3, 224, 224), or `Inputs`; by default 32 samples of the network's own size.
        optimizer: "sgd", "adam", "adamw", "rmsprop", "adagrad" or "lion".
        momentum: of "sgd"; 0 keeps no buffer.
        precision: "fp32"; "amp" for autocast (float16 on CUDA, bfloat16 on CPU); "bf16" or "fp16" for parameters and all.
        device: "cpu" or "cuda".
        implementation: of the optimizer: "single", "foreach" or "fused"; None is torch's own choice.
        threads: of a CPU; 4 if nothing is said, so that a figure is the same on every machine.
        channels_last: images and weights in that memory format.
        accumulate: batches to an optimizer step.
        ema: a moving average of the weights is kept.
        ddp: gradient buckets of distributed training.
        frozen: paths of modules that are not trained, as "layer1" or ["conv1", "layer1"]; "*" is all.
        checkpoint: what is computed again in backward instead of kept: "blocks", "every:K", or paths of modules.

    Raises:
        ConvatlasError: an unknown setting's value, or a module path that does not exist; shows the nearest.

    """
    graph = _step_graph(model, inputs)
    settings = memory_settings(
        optimizer=optimizer,
        momentum=momentum,
        precision=precision,
        device=device,
        implementation=implementation,
        threads=threads,
        channels_last=channels_last,
        accumulate=accumulate,
        ema=ema,
        ddp=ddp,
        frozen=frozen,
    )
    return _memory.training_memory(graph, with_checkpoints(checkpoint, graph, settings, None))


def fit(  # noqa: D417  the settings are those of `training_memory`
    model: Model,
    inputs: InputsLike | None = None,
    *,
    memory_bytes: int | str,
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
    frozen: str | Sequence[str] = (),
    checkpoint: str | Sequence[str] = (),
) -> _verdict.Verdict:
    """Whether a training step fits into a memory: ``.fits .needed_bytes .spare_bytes .largest_batch .changes``.

    As a text it is the answer in a sentence, the first line that `convatlas memory --fit` prints.

    Args:
        model: a word for a network, a module on any device, or a graph traced with ``training=True``, known at its batch only.
        inputs: shape with the batch axis, as (64, 3, 224, 224), or `Inputs`; by default 32 samples of the network's own size.
        memory_bytes: of the device, as 8 * 2**30 or "8GiB". What the process takes beside the tensors is counted.
        checkpoint: as for `training_memory`, and so is every other setting; "auto" is the cheapest set of blocks with which it fits.

    Raises:
        ConvatlasError: an unknown setting's value, or the network cannot be trained so.

    """
    budget = in_bytes(memory_bytes, "memory_bytes")
    settings = memory_settings(
        optimizer=optimizer,
        momentum=momentum,
        precision=precision,
        device=device,
        implementation=implementation,
        threads=threads,
        channels_last=channels_last,
        accumulate=accumulate,
        ema=ema,
        ddp=ddp,
        frozen=frozen,
    )
    if isinstance(model, Graph) or (isinstance(model, str) and is_graph_file(model)):
        graph = as_graph(model, inputs, training=True)
        return _verdict.verdict_at_one_batch(graph, budget, with_checkpoints(checkpoint, graph, settings, budget))
    loaded = loaded_from(model)
    given = Inputs(size_of(loaded)).with_batch(_memory.TRAINING_BATCH) if inputs is None else Inputs.of(inputs)
    shape = given.specs()[0].shape
    graphs = _graphs(loaded, given.at_batch)
    settings = with_checkpoints(checkpoint, graphs(shape[0]), settings, budget)
    smaller = None
    if given == Inputs(shape):
        smaller = _verdict.at_smaller_input(shape[1:], lambda size: _graphs(loaded, Inputs(size).with_batch))
    return _verdict.verdict(graphs, shape[0], budget, settings, smaller)


def max_batch(  # noqa: D417  the settings are those of `training_memory`
    model: str | nn.Module,
    input_size: InputsLike | None = None,
    *,
    memory_bytes: int | str,
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
    frozen: str | Sequence[str] = (),
    checkpoint: str | Sequence[str] = (),
) -> int:
    """The largest batch whose training step fits into ``memory_bytes``.

    Args:
        model: a word for a network, or a module.
        input_size: of one sample, as (3, 224, 224), or `Inputs` without their batch axis; the network's own by default.
        memory_bytes: of the device, as 24 * 2**30 or "24GiB". What the process takes beside the tensors is counted.
        checkpoint: as for `training_memory`, and so is every other setting; "auto" is the same as "blocks" here, since the largest batch needs them all.

    Raises:
        DoesNotFitError: a batch of one needs more; says how much, and what takes the most.
        ConvatlasError: an unknown setting's value, or the network cannot be trained so.

    """
    budget = in_bytes(memory_bytes, "memory_bytes")
    settings = memory_settings(
        optimizer=optimizer,
        momentum=momentum,
        precision=precision,
        device=device,
        implementation=implementation,
        threads=threads,
        channels_last=channels_last,
        accumulate=accumulate,
        ema=ema,
        ddp=ddp,
        frozen=frozen,
    )
    graphs = graphs_by_batch(model, input_size)
    if checkpoint and checkpoint != "none":
        asked = "blocks" if checkpoint == "auto" else checkpoint
        settings = with_checkpoints(asked, graphs(_memory.TRAINING_BATCH), settings, budget)
    return _fit.max_batch(graphs, budget, settings).batch


def memory_settings(
    *,
    optimizer: str,
    momentum: float,
    precision: str,
    device: str,
    implementation: str | None,
    threads: int | None,
    channels_last: bool,
    accumulate: int,
    ema: bool,
    ddp: bool,
    frozen: str | Sequence[str],
) -> _memory.Settings:
    """Settings of a training step; "sgd" with a momentum above 0 keeps the momentum buffer.

    Raises:
        ConvatlasError: an unknown value, or one that does not go with the others.

    """
    optimizer, device = word(optimizer), device_named(device)
    if not (isinstance(momentum, int | float) and math.isfinite(momentum) and momentum >= 0):
        shown = f"{momentum:g}" if isinstance(momentum, float) else repr(momentum)
        raise ConvatlasError(f"`momentum` (={shown}) must be a number of at least 0, such as 0.9")
    if threads is not None and device in DEVICES and not DEVICES[device].has_threads:
        raise ConvatlasError(f"`threads` (={threads}) is about a CPU, and the device is {device}; leave one of them out")
    return _memory.Settings(
        optimizer="momentum" if optimizer == "sgd" and momentum else optimizer,
        precision=word(precision),
        device=device,
        implementation=implementation and word(implementation),
        threads=_memory.THREADS if threads is None else threads,
        channels_last=channels_last,
        accumulate=accumulate,
        ema=ema,
        ddp=ddp,
        frozen=(frozen,) if isinstance(frozen, str) else tuple(frozen),
    )


def word(given: object) -> str:
    """A setting's value in small letters; what is no word is shown by the error that refuses it."""
    return str(given).lower()


def device_named(given: object) -> str:
    """The kind of a device, from its name or a torch.device, one of several such as "cuda:0" included."""
    return word(given).partition(":")[0]


def graphs_by_batch(model: str | nn.Module, input_size: InputsLike | None = None) -> Graphs:
    """A function from a batch to the model's graph in training mode; the model is built once."""
    loaded = loaded_from(model)
    size = size_of(loaded) if input_size is None else input_size
    own = loaded.input_size
    sample = Inputs.of(size)
    shape = sample.specs()[0].shape
    if own is not None and sample == Inputs(shape) and len(shape) > len(own):
        raise ConvatlasError(f"`input_size` (={shape}) is of one sample, without the batch axis; write {shape[-len(own) :]}")
    return _graphs(loaded, sample.with_batch)


def _step_graph(model: Model, inputs: InputsLike | None) -> Graph:
    if inputs is None and not isinstance(model, Graph) and not (isinstance(model, str) and is_graph_file(model)):
        return graphs_by_batch(model)(_memory.TRAINING_BATCH)
    return as_graph(model, inputs, training=True)


def _graphs(loaded: Loaded, inputs_at: Callable[[int], Inputs]) -> Graphs:
    from ..models.tracing import traced

    return lambda batch: traced(loaded, inputs_at(batch), True)
