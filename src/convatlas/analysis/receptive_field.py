"""Receptive fields: which part of the image each output position sees, through residual and concat branches.

Each tensor carries, along both spatial axes and wherever these lie in its shape, the interval of input pixels that its
first position sees, and the step to the next position's. Where branches meet, the interval is the union. (Araujo, Norris, Sim: "Computing Receptive Fields of
Convolutional Neural Networks", Distill 2019, gives the same recurrences.)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from ..graph import Graph
from ..graph.ops import Op, Passage, Specs, Window


class Field(NamedTuple):
    """What the positions along one axis of a map see: the first one from pixel ``start`` to ``end`` (excluded), then ``step`` on.

    ``axis`` is where the positions lie in the tensor's shape; None once each of them sees the whole axis.
    """

    start: float
    end: float
    step: float
    positions: int
    axis: int | None


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
    fields = tuple(Field(0.0, 1.0, 1.0, count, axis) for axis, count in enumerate(shape[2:], start=2))
    states: dict[int, _State] = {graph.inputs[0]: _State(fields, False)}
    layers = []
    for place, node in enumerate(graph.nodes):
        inputs, outputs = graph.specs(node.inputs), graph.specs(node.outputs)
        seen = [
            _through(node.op, states[value], index, inputs, outputs)
            for index, value in enumerate(node.inputs)
            if value in states
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
    """The union over branches; a branch that has lost an axis gates the others without widening them along it."""
    if len(states) == 1:
        return states[0]
    sees_all = any(state.sees_all for state in states)
    fields = []
    for axis in zip(*(state.fields for state in states), strict=True):
        live = [field for field in axis if field.axis is not None]
        if live and any(field[3:] != live[0][3:] for field in live):  # a product of a map with itself turned round
            live, sees_all = [], True
        together = live or list(axis)
        fields.append(
            Field(
                min(field.start for field in together),
                max(field.end for field in together),
                max(field.step for field in together),
                live[0].positions if live else 1,
                live[0].axis if live else None,
            )
        )
    return _State(tuple(fields), sees_all)


def _through(op: Op, state: _State, index: int, inputs: Specs, outputs: Specs) -> _State:
    """What input ``index`` contributes to what the output's positions see."""
    window = op.window(inputs, outputs) if index == 0 and type(op).window is not Op.window else None
    fields = []
    for field in state.fields:
        if field.axis is None:
            fields.append(field)
        elif isinstance(window, Window) and (place := field.axis - len(inputs[0].shape) + len(window.kernel)) >= 0:
            kernel, stride, padding, dilation = (values[place] for values in window)
            into = field.axis - len(inputs[0].shape) + len(outputs[0].shape)
            start = field.start - padding * field.step
            end = field.end + ((kernel - 1) * dilation - padding) * field.step
            fields.append(Field(start, end, field.step * stride, outputs[0].shape[into], into))
        else:
            passage = None if type(op).window is not Op.window else op.passage(field.axis, index, inputs, outputs)
            fields.append(_passed(field, passage, outputs[0].shape))
    covers = [
        after.positions == 1 and before.positions > 1 for before, after in zip(state.fields, fields, strict=True)
    ]
    return _State(tuple(fields), state.sees_all or all(covers))


def _passed(field: Field, passage: Passage | None, shape: tuple[int, ...]) -> Field:
    if passage is None:
        return Field(field.start, field.end + (field.positions - 1) * field.step, field.step * field.positions, 1, None)
    shift = passage.offset * field.step
    return Field(
        field.start + shift, field.end + shift, field.step * passage.step, shape[passage.axis], passage.axis
    )
