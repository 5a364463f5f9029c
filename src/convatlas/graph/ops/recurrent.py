"""Recurrent layers and their single steps: LSTM, GRU and Elman's RNN, of several layers, both directions, with projections."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod
from typing import ClassVar, NamedTuple

from ...errors import ConvatlasError
from ..spec import ITEM_BYTES, TensorSpec
from ..strides import Strides, normal
from .base import Kept, Op, Specs
from .reading import Reads, nowhere, straight


class Level(NamedTuple):
    """The weights of one layer in one direction: positions among the op's inputs."""

    layer: int
    from_input: int  # (gates x hidden, features of the input or of the layer below)
    from_hidden: int  # (gates x hidden, width of a step's output)
    biases: tuple[int, ...]
    projection: int | None  # (width of a step's output, hidden)


@dataclass(frozen=True, slots=True)
class _Recurrent(Op):
    """A sequence run through ``layers`` layers, step by step: MACs = steps x samples x elements of the weight matrices.

    The inputs are x, the first states, and the weights in torch's order: for each layer and direction (gates x hidden,
    features), (gates x hidden, output), two biases where ``biases``, (output, hidden) where outputs are projected. x is
    (steps, samples, features), (samples, steps, features) where ``batch_first``, (rows, features) where ``packed``, which takes
    the samples of each step as one more input behind the states. The outputs are those of the last layer at each step and the
    last states, for each layer and direction.

    A ``cell`` is one step: x (samples, features), states (samples, hidden); its outputs are the new states.
    """

    kind: ClassVar[str] = "recurrent"
    packs: ClassVar[bool] = False
    roles: ClassVar[tuple[str, ...]] = ("input", "hidden state", "weight")
    gates: ClassVar[int] = 1
    states: ClassVar[int] = 1
    functions: ClassVar[int] = 1  # element-wise operations for each hidden unit, beside the sums of products and biases
    layers: int = 1
    bidirectional: bool = False
    biases: bool = True
    batch_first: bool = False
    dropout: float = 0.0  # between layers; 0 outside training
    packed: bool = False
    cell: bool = False

    @property
    def name(self) -> str:
        base = type(self).__name__.lower()
        return f"{base}_cell" if self.cell else base

    def levels(self, inputs: Specs) -> Iterator[Level]:
        """Each layer in each direction, as torch lists their weights."""
        place = 1 + self.states + self.packed
        directions = 2 if self.bidirectional else 1
        each = (len(inputs) - place) // (self.layers * directions)
        for number in range(self.layers * directions):
            first = place + number * each
            matrices = 2 + 2 * self.biases
            projection = first + matrices if each > matrices else None
            yield Level(number // directions, first, first + 1, tuple(range(first + 2, first + matrices)), projection)

    def in_one_kernel(self, inputs: Specs) -> bool:
        """Whether oneDNN has a kernel for a whole layer in one direction."""
        return False

    def output(self, *inputs: TensorSpec) -> tuple[TensorSpec, ...]:
        x, states = inputs[0], inputs[1 : 1 + self.states]
        levels = list(self.levels(inputs))
        rank = 2 if self.packed or self.cell else 3
        if len(x.shape) != rank:
            raise ConvatlasError(f"{self.name} takes {rank} axes, got {x.shape}")
        features = inputs[levels[0].from_input].shape[-1]
        if x.shape[-1] != features:
            raise ConvatlasError(f"{self.name} expects {features} features, got {x.shape[-1]} in {x.shape}")
        if self.cell:
            return states
        samples = states[0].shape[-2]
        if not self.packed and x.shape[0 if self.batch_first else 1] != samples:
            raise ConvatlasError(
                f"{self.name}: the hidden state {states[0].shape} is of {samples} samples, the input {x.shape} not"
            )
        width = states[0].shape[-1] * (2 if self.bidirectional else 1)
        return TensorSpec((*x.shape[:-1], width), x.dtype), *states

    def output_strides(self, inputs: Specs, strides: Sequence[Strides], outputs: Specs) -> tuple[Strides, ...]:
        others = (None,) * (len(outputs) - 1)
        if not self.batch_first:
            return (None, *others)
        samples, _, width = shape = outputs[0].shape  # the steps are put together with the steps first, and turned
        return (normal(shape, (width, samples * width, 1)), *others)

    def macs(self, inputs: Specs, outputs: Specs) -> int:
        matrices = [spec.shape for spec in inputs[1 + self.states + self.packed :] if len(spec.shape) == 2]
        return prod(inputs[0].shape[:-1]) * sum(map(prod, matrices))

    def backward_macs(self, inputs: Specs, outputs: Specs, needs_grad: Sequence[bool]) -> int:
        rows, first = self._rows(inputs)
        total, layer = 0, 0
        below = reaching = needs_grad[0]  # whether a gradient goes on below this layer, and below the next one
        for level in self.levels(inputs):
            if level.layer != layer:
                layer, below = level.layer, reaching
            own = (level.from_input, level.from_hidden, *level.biases, *([] if level.projection is None else [level.projection]))
            through = below or needs_grad[1] or needs_grad[self.states] or any(needs_grad[place] for place in own)
            reaching = reaching or through
            from_input, from_hidden = (prod(inputs[place].shape) for place in own[:2])
            total += rows * from_input * (needs_grad[level.from_input] + below)
            total += rows * from_hidden * needs_grad[level.from_hidden]
            total += from_hidden * ((rows - first) * through + first * needs_grad[1])  # the first step's state may want none
            if level.projection is not None:
                total += rows * prod(inputs[level.projection].shape) * (needs_grad[level.projection] + through)
        return total

    def elementwise(self, inputs: Specs, outputs: Specs) -> int:
        each = 0
        for level in self.levels(inputs):
            sums = inputs[level.from_hidden].shape[0]
            each += sums * (1 + len(level.biases)) + sums // self.gates * self.functions
        return prod(inputs[0].shape[:-1]) * each

    def kept(self, inputs: Specs, outputs: Specs, needs_grad: Sequence[bool]) -> Kept:
        """What torch's CPU kernels keep: of each step, its gates and its states."""
        rows, first = self._rows(inputs)
        extra = []
        for level in self.levels(inputs):
            hidden = inputs[level.from_hidden].shape[0] // self.gates
            extra += self._kept_of_steps(rows, first, hidden, inputs[level.from_hidden].shape[1])
        result = (0,) if self.cell and not extra else ()
        return Kept(self._kept_inputs(inputs), result, self._vectors(inputs, extra) + self._copies(inputs) + self._between(inputs))

    def _kept_of_steps(self, rows: int, first: int, hidden: int, width: int) -> list[int]:
        """Elements of the tensors kept of one layer in one direction, beside its inputs; ``first``: rows of the first step."""
        raise NotImplementedError

    def _kept_inputs(self, inputs: Specs) -> tuple[int, ...]:
        """The input where it need not be copied, the first states and the matrices."""
        matrices = [place for place, spec in enumerate(inputs) if place > self.states and len(spec.shape) == 2]
        return (*range(bool(self._copies(inputs)), 1 + self.states), *matrices)

    def _copies(self, inputs: Specs) -> tuple[TensorSpec, ...]:
        """Samples that come first are turned, which makes a copy for each direction."""
        turned = self.batch_first and min(inputs[0].shape[:2]) > 1
        return (inputs[0],) * ((1 + self.bidirectional) * turned)

    def _between(self, inputs: Specs) -> tuple[TensorSpec, ...]:
        """What each layer but the first reads, and dropout's masks."""
        width = inputs[1].shape[-1] * (1 + self.bidirectional)
        spec = TensorSpec((*inputs[0].shape[:-1], width), inputs[0].dtype)
        return (spec,) * ((self.layers - 1) * (2 if self.dropout else 1))

    def _vectors(self, inputs: Specs, elements: list[int]) -> tuple[TensorSpec, ...]:
        return tuple([TensorSpec((count,), inputs[0].dtype) for count in elements if count])

    def _rows(self, inputs: Specs) -> tuple[int, int]:
        """Samples of all steps, and of the first step."""
        return prod(inputs[0].shape[:-1]), inputs[1].shape[-2]

    def reads(self, index: int, output: int, inputs: Specs, outputs: Specs) -> Reads:
        # a step sees all steps before it, and behind it in the other direction: only samples stay apart
        after = outputs[output].shape
        if index or output or self.packed:
            return nowhere(after)
        steps = () if self.cell else (1 if self.batch_first else 0,)
        return straight(inputs[0].shape, after, (*steps, len(after) - 1))


@dataclass(frozen=True, slots=True)
class Rnn(_Recurrent):
    """h = tanh(W x + U h), or ReLU in tanh's place."""

    function: str = "tanh"

    def _kept_of_steps(self, rows: int, first: int, hidden: int, width: int) -> list[int]:
        return [] if self.cell else [rows * width]


@dataclass(frozen=True, slots=True)
class Gru(_Recurrent):
    """r, z = sigmoid(W x + U h); n = tanh(W x + r (U h)); h = n + z (h - n)."""

    gates: ClassVar[int] = 3
    functions: ClassVar[int] = 7  # two sigmoids, tanh and its product, three for the mean

    def _kept_of_steps(self, rows: int, first: int, hidden: int, width: int) -> list[int]:
        return [6 * rows * hidden, (rows - first) * width]


@dataclass(frozen=True, slots=True)
class Lstm(_Recurrent):
    """i, f, g, o = gates of W x + U h; c = f c + i g; h = o tanh(c), perhaps projected to fewer features."""

    roles: ClassVar[tuple[str, ...]] = ("input", "hidden state", "cell state", "weight")
    gates: ClassVar[int] = 4
    states: ClassVar[int] = 2
    functions: ClassVar[int] = 9  # three sigmoids, two tanh, four for the two states

    def in_one_kernel(self, inputs: Specs) -> bool:
        projected = any(level.projection is not None for level in self.levels(inputs))
        return not (self.cell or self.packed or projected or inputs[0].dtype == "float64")

    def kept(self, inputs: Specs, outputs: Specs, needs_grad: Sequence[bool]) -> Kept:
        """What torch's CPU kernels keep: oneDNN's, or those that go step by step."""
        if not self.in_one_kernel(inputs):
            return _Recurrent.kept(self, inputs, outputs, needs_grad)
        rows, samples = self._rows(inputs)
        workspace, vectors = 0, []
        for level in self.levels(inputs):
            from_input, from_hidden = inputs[level.from_input].shape, inputs[level.from_hidden].shape
            workspace += onednn_workspace(rows, samples, from_input[1], from_hidden[1])
            last = level.layer == self.layers - 1 and not self.bidirectional  # then it is the output itself
            vectors += [0 if last else rows * from_hidden[1], 2 * samples * from_hidden[1]]  # outputs, and the last states
            if not self.biases:
                vectors += [prod(from_input), prod(from_hidden)]  # in their place zeros, as many as there are weights
        extra = (TensorSpec((workspace,), "uint8"), *self._vectors(inputs, vectors), *self._copies(inputs)[:1])
        if self.bidirectional or self.dropout:
            extra += self._between(inputs)
        return Kept(self._kept_inputs(inputs), () if self.bidirectional else (0,), extra)

    def _kept_of_steps(self, rows: int, first: int, hidden: int, width: int) -> list[int]:
        gates = (6 if width < hidden else 5) * rows * hidden  # four gates, tanh(c), and what is projected
        return [gates] if self.cell else [gates, (rows - first) * hidden, (rows - first) * width]


def onednn_workspace(rows: int, samples: int, features: int, hidden: int) -> int:
    """Bytes that oneDNN's LSTM keeps of one layer in one direction: measured with torch 2.14, hidden a multiple of 16."""
    size = ITEM_BYTES["float32"]
    gates = _pages(size * rows * leading_dimension(4 * hidden))
    inputs = _pages(2 * size * (rows + samples) * leading_dimension(max(features, hidden)))
    states = _pages(2 * size * (rows + samples) * leading_dimension(hidden))
    return gates + 3 * inputs + 2 * states + _pages(size * rows * hidden)


def _pages(num_bytes: int) -> int:
    return -(-num_bytes // 4096) * 4096


def leading_dimension(size: int) -> int:
    """A row's length in memory: whole vectors, one more where rows would fall onto each other in the cache."""
    padded = -(-size // 16) * 16
    return padded + 16 if padded % 256 == 0 else padded
