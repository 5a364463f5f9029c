"""Receptive fields: which part of the image each output position sees, through residual and concat branches.

Each tensor carries, along both spatial axes, the interval of input pixels that its first position sees, and the step to
the next position's. Where branches meet, the interval is the union. (Araujo, Norris, Sim: "Computing Receptive Fields of
Convolutional Neural Networks", Distill 2019, gives the same recurrences.)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from ..graph import Graph
from ..graph.ops import GLOBAL, POINTWISE, Window


class Field(NamedTuple):
    """What the positions along one axis see: the first one from pixel ``start`` to ``end`` (excluded), then ``step`` on."""

    start: float
    end: float
    step: float
    positions: int


@dataclass(slots=True)
class ReceptiveField:
    """What one output position of a call sees of the input, along (height, width).

    Attributes:
        name, op: the call.
        output_shape: of its first output.
        size: extent in input pixels, padding included; it may exceed the image.
        stride: step in input pixels between neighbouring positions ("jump").
        offset: first pixel that the first position sees; negative where it reaches into the padding.
        sees_all: the whole image has an influence, through global pooling, a gate made of it, or attention. ``size`` then
            still tells the local extent where there is one.

    """

    name: str
    op: str
    output_shape: tuple[int, ...]
    size: tuple[float, ...]
    stride: tuple[float, ...]
    offset: tuple[float, ...]
    sees_all: bool
    is_map: bool  # has more than one position, so that a size is of interest
    node: int  # the call's place among the graph's nodes


@dataclass(slots=True)
class ReceptiveFields:
    """The receptive field of every call, in order of execution."""

    layers: list[ReceptiveField]

    @property
    def final(self) -> ReceptiveField:
        """Of the last convolution or local pooling before the network pools the whole map: the published figure.

        Raises:
            ValueError: the network has no map.

        """
        maps = [layer for layer in self.layers if layer.is_map]
        if not maps:
            raise ValueError("the network has no feature map, so no receptive field")
        return maps[-1]

    def __iter__(self) -> Iterator[ReceptiveField]:
        return iter(self.layers)

    def __len__(self) -> int:
        return len(self.layers)

    def __getitem__(self, key: int | str) -> ReceptiveField:
        """By position, or the last call of a module by its path."""
        if isinstance(key, int):
            return self.layers[key]
        found = [layer for layer in self.layers if layer.name == key]
        if not found:
            raise KeyError(key)
        return found[-1]


class _State(NamedTuple):
    fields: tuple[Field, ...]
    sees_all: bool


def receptive_field(graph: Graph) -> ReceptiveFields:
    """The receptive field of every call with respect to the graph's first input.

    Raises:
        ValueError: the first input has no spatial axes.

    """
    shape = graph.values[graph.inputs[0]].shape
    if len(shape) < 3:
        raise ValueError(f"an input of shape {shape} has no spatial axes, so no receptive field")
    states: dict[int, _State] = {graph.inputs[0]: _State(tuple(Field(0.0, 1.0, 1.0, count) for count in shape[2:]), False)}
    layers = []
    for place, node in enumerate(graph.nodes):
        inputs, outputs = graph.specs(node.inputs), graph.specs(node.outputs)
        known = [states[value] for value in node.inputs if value in states]
        if not known:
            continue
        merged = _merged(known)
        state = _through(node.op.window(inputs, outputs), merged, outputs[0].shape)
        for value in node.outputs:
            states[value] = state
        out = outputs[0].shape
        layers.append(
            ReceptiveField(
                node.module,
                node.op.name,
                out,
                tuple(_whole(field.end - field.start) for field in state.fields),
                tuple(_whole(field.step) for field in state.fields),
                tuple(_whole(field.start) for field in state.fields),
                state.sees_all,
                any(field.positions > 1 for field in state.fields),
                place,
            )
        )
    return ReceptiveFields(layers)


def _whole(number: float) -> float:
    return int(number) if float(number).is_integer() else number


def _merged(states: list[_State]) -> _State:
    """The union over branches; a branch that has lost its map gates the others without widening them."""
    if len(states) == 1:
        return states[0]
    most = max(max(field.positions for field in state.fields) for state in states)
    maps = [state for state in states if max(field.positions for field in state.fields) == most]
    sees_all = any(state.sees_all for state in states) or len(maps) < len(states)
    fields = tuple(
        Field(
            min(field.start for field in axis),
            max(field.end for field in axis),
            max(field.step for field in axis),
            axis[0].positions,
        )
        for axis in zip(*(state.fields for state in maps), strict=True)
    )
    return _State(fields, sees_all)


def _through(window: Window | str, state: _State, output_shape: tuple[int, ...]) -> _State:
    if window == POINTWISE:
        return state
    if isinstance(window, Window) and len(window.kernel) == len(state.fields):
        counts = output_shape[-len(state.fields) :]
        fields = tuple(
            Field(
                field.start - padding * field.step,
                field.end + ((kernel - 1) * dilation - padding) * field.step,
                field.step * stride,
                count,
            )
            for field, kernel, stride, padding, dilation, count in zip(
                state.fields, window.kernel, window.stride, window.padding, window.dilation, counts, strict=True
            )
        )
        covers = any(f.positions > 1 for f in state.fields) and all(count == 1 for count in counts)
        return _State(fields, state.sees_all or covers)
    assert window == GLOBAL or isinstance(window, Window)
    fields = tuple(
        Field(field.start, field.end + (field.positions - 1) * field.step, field.step * field.positions, 1)
        for field in state.fields
    )
    return _State(fields, True)
