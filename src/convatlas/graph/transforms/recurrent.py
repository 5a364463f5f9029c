"""Recurrent layers as torch's CPU code runs them: layer by layer, each direction on its own, and where no kernel takes a whole one, step by step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeAlias

from ..ops import Activation, Binary, Concat, Copy, Fill, Gru, Linear, Lstm, Permute, Rnn, Split, Stack
from ..ops.recurrent import Level
from ..strides import view_strides

if TYPE_CHECKING:
    from .decompose import Decomposition

Recurrent: TypeAlias = "Rnn | Gru | Lstm"
States: TypeAlias = "tuple[int, ...]"


def recurrent(work: Decomposition, op: Recurrent, *inputs: int) -> None:
    """Put the parts of a recurrent layer, or of a single step, down."""
    specs = [work.values[value] for value in inputs]
    x, states = inputs[0], inputs[1 : 1 + op.states]
    weights = [_Weights(work, level, inputs) for level in op.levels(specs)]
    if op.cell:
        for place, state in enumerate(_STEPS[type(op)](work, op, weights[0].of_input(x), states, weights[0])):
            work.become(state, place)
        return
    run = _in_one_kernel if op.in_one_kernel(specs) else _step_by_step
    if op.batch_first:
        x = work.add(Permute((1, 0, 2)), x)
    each = [work.add_all(Split((1,) * len(weights), 0, False), state) for state in states]
    ends: list[States] = []
    for layer in range(op.layers):
        before, outputs = len(work.open), []
        for direction in range(1 + op.bidirectional):
            number = len(ends)
            other = weights[number - 1] if direction else None
            output, end = run(work, op, weights[number], x, tuple([state[number] for state in each]), other)
            outputs.append(output)
            ends.append(end)
        x = work.add(Concat(2), *outputs) if op.bidirectional else outputs[0]
        if op.dropout and layer < op.layers - 1:
            mask = work.add(Fill(work.shape(x), work.values[x].dtype, "dropout mask"))
            x = work.add(Binary("mul"), x, mask)
        work.let_go_since(before, x, *(state for end in ends for state in end))
    work.become(work.add(Permute((1, 0, 2)), x) if op.batch_first else x, 0)
    for place, several in enumerate(zip(*ends, strict=True), start=1):
        work.become(work.add(Stack(0), *several), place)


class _Weights:
    """One layer's weights in one direction."""

    def __init__(self, work: Decomposition, level: Level, inputs: Sequence[int]) -> None:
        self.work = work
        self.all = [inputs[place] for place in (level.from_input, level.from_hidden, *level.biases)]
        self.gates: int | None = None  # as far as the input makes them, while the code holds them
        self.projection = None if level.projection is None else inputs[level.projection]

    def of_input(self, x: int) -> int:
        """The gates as far as the input makes them, of all steps at once."""
        shape, lies = self.work.shape(x), self.work.strides[x]
        if lies is not None and len(shape) == 3 and view_strides(shape, lies, (shape[0] * shape[1], shape[2])) is None:
            x = self.work.add(Copy("contiguous"), x)
        return self.work.add(Linear(), x, self.all[0], *self.all[2:3])

    def of_hidden(self, hidden: int) -> int:
        """The gates as far as the last step makes them."""
        return self.work.add(Linear(), hidden, self.all[1], *self.all[3:4])

    def projected(self, hidden: int) -> int:
        """A step's output."""
        return hidden if self.projection is None else self.work.add(Linear(), hidden, self.projection)


def _in_one_kernel(
    work: Decomposition, op: Recurrent, weights: _Weights, x: int, states: States, other: _Weights | None
) -> tuple[int, States]:
    if work.strides[x] is not None:
        x = work.add(Copy("contiguous"), x)
    output, *end = work.add_all(Lstm(biases=op.biases), x, *states, *weights.all)
    return output, tuple(end)


def _step_by_step(
    work: Decomposition, op: Recurrent, weights: _Weights, x: int, states: States, other: _Weights | None
) -> tuple[int, States]:
    weights.gates = weights.of_input(x)
    if (
        other is not None and other.gates is not None
    ):  # the other direction's stay until these are made, and these until the layer's end
        work.let_go(other.gates)
    before = len(work.open)
    steps = work.add_all(Split((1,) * work.shape(x)[0], 0, False), weights.gates)
    outputs: list[int] = []
    for gates in reversed(steps) if other else steps:
        within = len(work.open)
        states = _STEPS[type(op)](work, op, gates, states, weights)
        work.let_go_since(within, *states)
        outputs.append(states[0])
    output = work.add(Stack(0), *(reversed(outputs) if other else outputs))
    work.let_go_since(before, output, *states)
    return output, states


def _rnn(work: Decomposition, op: Recurrent, gates: int, states: States, weights: _Weights) -> States:
    assert isinstance(op, Rnn)
    total = work.add(Binary("add", in_place=True), weights.of_hidden(states[0]), gates)
    return (work.add(Activation(op.function), total),)


def _gru(work: Decomposition, op: Recurrent, gates: int, states: States, weights: _Weights) -> States:
    hidden = states[0]
    size = work.shape(hidden)[-1]
    thirds = Split((size,) * 3, 1)
    of_input = work.add_all(thirds, gates)
    of_hidden = work.add_all(thirds, weights.of_hidden(hidden))
    reset, update = (
        work.add(Activation("sigmoid", in_place=True), work.add(Binary("add", in_place=True), of_hidden[place], of_input[place]))
        for place in (0, 1)
    )
    gated = work.add(Binary("mul", in_place=True), of_hidden[2], reset)
    new = work.add(Activation("tanh", in_place=True), work.add(Binary("add"), of_input[2], gated))
    moved = work.add(Binary("mul", in_place=True), work.add(Binary("sub"), hidden, new), update)
    return (work.add(Binary("add", in_place=True), moved, new),)


def _lstm(work: Decomposition, op: Recurrent, gates: int, states: States, weights: _Weights) -> States:
    hidden, cell = states
    size = work.shape(cell)[-1]
    total = work.add(Binary("add", in_place=True), weights.of_hidden(hidden), gates)
    quarters = work.add_all(Split((size,) * 4, 1), total)
    functions = ("sigmoid", "sigmoid", "tanh", "sigmoid")
    enter, forget, new, leave = (
        work.add(Activation(function, in_place=True), part) for function, part in zip(functions, quarters, strict=True)
    )
    kept = work.add(Binary("mul"), forget, cell)
    cell = work.add(Binary("add", in_place=True), kept, work.add(Binary("mul"), enter, new))
    shown = work.add(Binary("mul"), leave, work.add(Activation("tanh"), cell))
    return weights.projected(shown), cell


_STEPS: dict[type, Callable[..., States]] = {Rnn: _rnn, Gru: _gru, Lstm: _lstm}
