"""The public functions that take a model in any form: a word as on the command line, an nn.Module, or a Graph."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

from ..analysis import cost as _cost
from ..analysis import receptive_field as _receptive_field
from ..errors import ConvatlasError
from ..graph import Graph
from ..inputs import Inputs, InputsLike
from ..models import Loaded, is_graph_file, is_run_folder, load, read_graph

if TYPE_CHECKING:
    from torch import nn

    from ..zoo import Network

Model: TypeAlias = "str | nn.Module | Graph"
Way: TypeAlias = Literal["auto", "quick", "exact"]
Option: TypeAlias = bool | int | float | str | Sequence[int] | None


def create(
    name: str,
    *,
    num_classes: int | None = None,
    in_channels: int | None = None,
    weights: str | Path | None = None,
    **options: Option,
) -> Network | nn.Module:
    """Make a network of the zoo, initialised as in its paper, on torch's default device; or that of a training's folder.

    Under ``torch.device("meta")`` nothing is allocated and no random number is drawn.

    Args:
        name: of the network; see `list_models`. The folder of a training gives its network with the best weights, in evaluation
            mode, and takes none of the other arguments.
        num_classes: how many logits it makes; by default as in its paper.
        in_channels: of its images; by default as in its paper.
        weights: "imagenet" for the published file, an https URL, or a file. Another ``num_classes`` starts the last layer
            anew, another ``in_channels`` adapts the first convolution; a warning says so.
        options: what the family has beside them: ``dropout``, ``stem="small"`` for small images, ``aux_logits``, ``width``, ...;
            an unknown one is refused with those that there are.

    Raises:
        ConvatlasError: an unknown name (the nearest ones are given), an unknown option, an impossible value, or weights that
            cannot be had or do not fit.

    """
    from ..models.pretrained import create_with_weights

    said = {"num_classes": num_classes, "in_channels": in_channels}
    if is_run_folder(name):
        if given := [key for key, value in {**said, "weights": weights, **options}.items() if value is not None]:
            raise ConvatlasError(f"{name} is a training, whose network is as it was trained; leave `{given[0]}` out")
        from ..train import Run

        return Run.open(name).network()
    return create_with_weights(name, weights, **{key: value for key, value in said.items() if value is not None}, **options)


def trace(model: str | nn.Module, inputs: InputsLike | None = None, *, training: bool = False, way: Way = "auto") -> Graph:
    """The graph of one forward pass. No kernel runs, nothing is allocated, and the caller's module stays as it was.

    Args:
        model: a module, or a word for one as on the command line: a zoo name, "torchvision:NAME", "timm:NAME",
            "package.module:callable" or "file.py:callable", built on the meta device; a part of one, as "resnet50.layer1"; or a
            graph's ".json" file, read.
        inputs: shape with the batch axis, as (1, 3, 224, 224); several shapes, a mapping from keyword to shape, or `Inputs`.
            For a word by default its own size with a batch of 1.
        training: trace the forward pass of training (batch statistics, dropout, auxiliary heads) instead of evaluation.
        way: "quick" takes milliseconds, by rules for torch's functions and layers; "exact" tenths of a second, by each op that
            torch's dispatcher carries out; "auto" is quick, and exact where that meets what it does not know. `Graph.way` and
            `Graph.why` tell which it was.

    Raises:
        ConvatlasError: there is no such network, it does not load, or it cannot be traced at that input, or not quickly.

    """
    from ..models.tracing import traced

    if isinstance(model, str) and is_graph_file(model):
        return _at_its_own_input(read_graph(model), inputs, training)
    loaded = loaded_from(model)
    return traced(loaded, Inputs(size_of(loaded)).with_batch(1) if inputs is None else inputs, training, way)


def cost(model: Model, inputs: InputsLike | None = None, *, training: bool = False, way: Way = "auto") -> _cost.Cost:
    """What one forward pass costs: ``.params .macs .flops .activation_bytes .layers .uncounted`` and more.

    Args:
        model: a word for a network (see `trace`), a module on any device, or a graph.
        inputs: as for `trace`; all totals are for the whole batch.
        training: count the forward pass of training.
        way: as for `trace`.

    Raises:
        ConvatlasError: as `trace`.

    """
    return _cost.cost(as_graph(model, inputs, training=training, way=way))


def receptive_field(model: Model, inputs: InputsLike | None = None) -> _receptive_field.ReceptiveFields:
    """The receptive field of every call (size, stride, offset in input pixels), branches taken into account.

    Args:
        model: as for `cost`.
        inputs: as for `trace`; the field is in pixels of the first input.

    Raises:
        ConvatlasError: as `trace`; or the input has no spatial axes.

    """
    return _receptive_field.receptive_field(as_graph(model, inputs))


def as_graph(model: Model, inputs: InputsLike | None = None, *, training: bool = False, way: Way = "auto") -> Graph:
    """The model as a graph; a graph is returned as it is.

    Raises:
        ConvatlasError: a graph was given together with an input shape that is not its own, or for training though it is none of it.

    """
    if isinstance(model, Graph):
        return _at_its_own_input(model, inputs, training)
    return trace(model, inputs, training=training, way=way)


def loaded_from(model: str | nn.Module) -> Loaded:
    """The network that a word stands for, or a module as such a one.

    Raises:
        ConvatlasError: there is no such network, or it does not load.

    """
    from torch import nn

    from ..models.loading import said_size

    if isinstance(model, nn.Module):
        return Loaded("", model, said_size(model))
    if not isinstance(model, str):
        way_out = f"; call it, as {model.__name__}()" if callable(model) and hasattr(model, "__name__") else ""
        raise ConvatlasError(f"a network is given by a word, as an nn.Module or as a graph; got {model!r:.80}{way_out}")
    if is_graph_file(model):
        raise ConvatlasError(f"{model} holds a graph of one batch, which says nothing of others; name the network itself")
    return load(model)


def size_of(loaded: Loaded) -> tuple[int, ...]:
    """The size of one sample where nothing was said of it.

    Raises:
        ConvatlasError: it is not known.

    """
    from ..models.tracing import own_size

    if loaded.name:
        return own_size(loaded)
    if loaded.input_size is None:
        raise ConvatlasError("an nn.Module needs an input shape, as (1, 3, 224, 224), or the size of one sample, as (3, 224, 224)")
    return loaded.input_size


def _at_its_own_input(graph: Graph, inputs: InputsLike | None, training: bool) -> Graph:
    if inputs is not None:
        own, wanted = ([spec.shape for spec in specs] for specs in (graph.specs(graph.inputs), Inputs.of(inputs).specs()))
        if own != wanted:
            raise ConvatlasError(f"the graph was traced at {_in_words(own)}; for {_in_words(wanted)} trace the network itself")
    if training and not graph.training:
        raise ConvatlasError("the graph was traced for evaluation; trace the network itself with training=True")
    return graph


def _in_words(shapes: list[tuple[int, ...]]) -> str:
    return " and ".join(map(str, shapes))
