"""Receptive fields: which part of the image each output position sees, through residual and concat branches.

Each tensor carries, for each spatial axis of the image, the interval of pixels that its first position sees, and the steps to
the next position's, along whichever of its axes, or parts of them, that image axis runs (`fields`). What an op does to positions
is its own rule (`Op.reads`). Where branches meet, the interval is the union. (Araujo, Norris, Sim: "Computing Receptive Fields of
Convolutional Neural Networks", Distill 2019, gives the recurrences for windows.)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

from ..errors import ConvatlasError
from ..graph import Graph, Node
from ..html_table import html_table
from ..names import unknown_name
from .branches import merged
from .fields import State, image, in_all_channels, through


@dataclass(slots=True)
class ReceptiveField:
    """What one output position of a call sees of the input, along (height, width).

    Attributes:
        name, op: the call.
        output_shape: of its first output.
        size: extent in input pixels, padding included; it may exceed the image. The largest, where positions see differently
            much (behind upsampling).
        stride: step in input pixels between neighbouring positions ("jump"); below 1 where the map is finer than the image.
        offset: first pixel that the first position sees; negative where it reaches into the padding.
        sees_all: the whole image has an influence, through global pooling, a gate made of it, or attention. ``size`` then
            still tells the local extent where there is one.

    """

    name: str
    op: str
    output_shape: tuple[int, ...]
    size: tuple[int, ...]
    stride: tuple[float, ...]
    offset: tuple[int, ...]
    sees_all: bool
    is_map: bool  # has more than one position, so that a size is of interest
    node: int  # the call's place among the graph's nodes


@dataclass(slots=True)
class ReceptiveFields:
    """The receptive field of every call, in order of execution."""

    layers: list[ReceptiveField]
    graph: Graph

    @property
    def final(self) -> ReceptiveField:
        """Of the last convolution or local pooling before the network pools the whole map: the published figure.

        It is the map that sees most, and of those the last: an auxiliary head, which may be run later, leaves the trunk early.

        Raises:
            ConvatlasError: the network has no map.

        """
        maps = [layer for layer in self.layers if layer.is_map]
        if not maps:
            raise ConvatlasError("the network has no feature map, so no receptive field")
        return max(reversed(maps), key=lambda layer: prod(layer.size))

    def __iter__(self) -> Iterator[ReceptiveField]:
        return iter(self.layers)

    def __len__(self) -> int:
        return len(self.layers)

    def __getitem__(self, key: int | str) -> ReceptiveField:
        """By position, or the last call of a module by its path; of a container, its parts' last call.

        Raises:
            ConvatlasError: no such module makes a call; with the nearest names.
        """
        if isinstance(key, int):
            return self.layers[key]
        found = [layer for layer in self.layers if layer.name == key or layer.name.startswith(f"{key}.")]
        if not found:
            raise unknown_name("layer", key, dict.fromkeys(self._paths()))
        return found[-1]

    def _paths(self) -> Iterator[str]:
        for layer in self.layers:
            parts = layer.name.split(".")
            yield from (".".join(parts[:end]) for end in range(1, len(parts) + 1) if layer.name)

    def __repr__(self) -> str:
        return f"<ReceptiveFields of {self.graph.name}: {len(self.layers)} calls>"

    def _repr_html_(self) -> str:
        """A table of the calls, for notebooks."""
        rows = [
            (
                layer.name or "(network)", layer.op, "x".join(map(str, layer.output_shape[1:])), _shown(layer.size),
                _shown(layer.stride), _shown(layer.offset), "yes" if layer.sees_all else "",
            )
            for layer in self.layers
        ]  # fmt: skip
        heads = ("layer", "op", "output", "size (px)", "stride (px)", "offset (px)", "whole image as well")
        caption = f"Receptive fields of {self.graph.name}: {self.graph.conditions}; in pixels of the input, along its axes."
        return html_table(caption, heads, rows)


def _shown(lengths: tuple[float, ...]) -> str:
    return ", ".join(f"{length:g}" for length in lengths)


def receptive_field(graph: Graph) -> ReceptiveFields:
    """The receptive field of every call with respect to the graph's first input.

    Raises:
        ConvatlasError: the first input has no spatial axes.

    """
    shape = graph.values[graph.inputs[0]].shape
    spatial, channels = _axes_of_the_image(graph)
    if not spatial:
        raise ConvatlasError(f"an input of shape {shape} has no spatial axes, so no receptive field")
    states: dict[int, State] = {graph.inputs[0]: image(shape, spatial, channels)}
    layers = []
    for place, node in enumerate(graph.nodes):
        if not _follow(graph, node, states):
            continue
        state = in_all_channels(states[node.outputs[0]])
        layers.append(
            ReceptiveField(
                node.module,
                node.op.name,
                graph.values[node.outputs[0]].shape,
                tuple([field.size for field in state.fields]),
                tuple([field.stride for field in state.fields]),
                tuple([field.offset for field in state.fields]),
                state.sees_all,
                any(field.positions > 1 for field in state.fields),
                place,
            )
        )
    return ReceptiveFields(layers, graph)


def _follow(graph: Graph, node: Node, states: dict[int, State]) -> bool:
    """Add what a node's outputs see to the states by value; whether they see any of the image."""
    known = [index for index, value in enumerate(node.inputs) if value in states]
    if not known:
        return False
    inputs, outputs = graph.specs(node.inputs), graph.specs(node.outputs)
    spatial = node.op.spatial_axes(inputs)
    for number, (value, spec) in enumerate(zip(node.outputs, outputs, strict=True)):
        seen = []
        for index in known:
            reads = node.op.reads(index, number, inputs, outputs)
            seen.append(through(states[node.inputs[index]], reads, spec.shape))
        state = merged(seen)
        states[value] = state._replace(channels=len(inputs[0].shape) - spatial - 1) if spatial else state
    return True


def _axes_of_the_image(graph: Graph) -> tuple[tuple[int, ...], int | None]:
    """The spatial axes of the first input, and that of its channels: those that the first layer with a window takes for such.

    Where there is no such layer, all behind samples and channels.
    """
    shape = graph.values[graph.inputs[0]].shape
    states = {graph.inputs[0]: image(shape, range(len(shape)), None)}
    for node in graph.nodes:
        inputs = graph.specs(node.inputs)
        rank = node.op.spatial_axes(inputs)
        if rank and node.inputs[0] in states:
            first = len(inputs[0].shape) - rank
            moving = [{axis for axis, steps in enumerate(field.steps) if any(steps)} for field in states[node.inputs[0]].fields]
            spatial = tuple([axis for axis, places in enumerate(moving) if places and min(places) >= first])
            channels = [axis for axis, places in enumerate(moving) if places == {first - 1}]
            if spatial:
                return spatial, channels[0] if channels else None
        _follow(graph, node, states)
    first = 2 if graph.batch_axis else 1
    return tuple(range(first, len(shape))), first - 1
