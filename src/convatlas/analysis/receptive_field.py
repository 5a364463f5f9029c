"""Receptive fields: which part of the image each output position sees, through residual and concat branches.

Each tensor carries, along both spatial axes and wherever these lie in its shape, the interval of input pixels that its
first position sees, and the step to the next position's (`fields`). Where branches meet, the interval is the union. (Araujo,
Norris, Sim: "Computing Receptive Fields of Convolutional Neural Networks", Distill 2019, gives the same recurrences.)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import NamedTuple

from ..errors import ConvatlasError
from ..graph import Graph
from ..graph.ops import Op, Specs, Window
from ..html_table import html_table
from ..names import unknown_name
from .fields import Field, merged, passed_on, seen_through, whole_image


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


class _State(NamedTuple):
    fields: tuple[Field, ...]
    sees_all: bool


def receptive_field(graph: Graph) -> ReceptiveFields:
    """The receptive field of every call with respect to the graph's first input.

    Raises:
        ConvatlasError: the first input has no spatial axes.

    """
    shape = graph.values[graph.inputs[0]].shape
    first = 2 if graph.batch_axis else 1
    if len(shape) <= first:
        raise ConvatlasError(f"an input of shape {shape} has no spatial axes, so no receptive field")
    fields = tuple([whole_image(count, axis) for axis, count in enumerate(shape[first:], start=first)])
    states: dict[int, _State] = {graph.inputs[0]: _State(fields, False)}
    layers = []
    for place, node in enumerate(graph.nodes):
        inputs, outputs = graph.specs(node.inputs), graph.specs(node.outputs)
        seen = [
            _through(node.op, states[value], index, inputs, outputs) for index, value in enumerate(node.inputs) if value in states
        ]
        if not seen:
            continue
        state = _merged(seen)
        for value in node.outputs:
            states[value] = state
        out = outputs[0].shape
        layers.append(
            ReceptiveField(
                node.module,
                node.op.name,
                out,
                tuple([field.size for field in state.fields]),
                tuple([field.stride for field in state.fields]),
                tuple([field.offset for field in state.fields]),
                state.sees_all,
                any(field.positions > 1 for field in state.fields),
                place,
            )
        )
    return ReceptiveFields(layers, graph)


def _merged(states: list[_State]) -> _State:
    """The union over branches; a branch that has lost an axis gates the others without widening them along it."""
    if len(states) == 1:
        return states[0]
    sees_all = any(state.sees_all for state in states)
    fields = []
    for branches in zip(*(state.fields for state in states), strict=True):
        live = [field for field in branches if field.axis is not None]
        if len({(field.positions, field.axis) for field in live}) > 1:  # a map times itself turned round
            sees_all = True
            live = []
        field = merged(live or branches)
        fields.append(field if live else field._replace(positions=1, axis=None))
    return _State(tuple(fields), sees_all)


def _through(op: Op, state: _State, index: int, inputs: Specs, outputs: Specs) -> _State:
    """What input ``index`` contributes to what the output's positions see."""
    window = op.window(inputs, outputs) if type(op).window is not Op.window else None
    fields = []
    for field in state.fields:
        if field.axis is None:
            fields.append(field)
        elif isinstance(window, Window):
            place = field.axis - len(inputs[0].shape) + len(window.kernel)
            inside = index == 0 and place >= 0
            fields.append(seen_through(field, op, place, inputs, outputs) if inside else passed_on(field, None, ()))
        else:
            passage = op.passage(field.axis, index, inputs, outputs)
            fields.append(passed_on(field, passage, outputs[0].shape))
    shrunk = [after.positions == 1 < before.positions for before, after in zip(state.fields, fields, strict=True)]
    return _State(tuple(fields), state.sees_all or all(shrunk))
