"""Graph: a network as ops on tensors, with no data and no torch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain, compress, repeat
from operator import add
from typing import NamedTuple, Self, overload

from ..html_table import html_table
from .ops import Op
from .spec import TensorSpec
from .text import from_text, to_text
from .training import TrainingGraph
from .words import conditions_in_words


class Node(NamedTuple):
    """One call of an op. ``inputs`` and ``outputs`` are positions in `Graph.values`."""

    op: Op
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    module: str = ""  # dotted path of the module that makes the call; "" is the network itself
    no_grad: bool = False  # called under torch.no_grad
    region: int = 0  # which activation checkpoint it lies in; 0 is none


class Parameter(NamedTuple):
    """A parameter or buffer. ``name`` is its first dotted path; a shared one appears once."""

    name: str
    value: int
    trainable: bool = True


class DottedNames(Sequence[str]):
    """Dotted names that are put together when they are first asked for: most readers of a graph never do.

    Args:
        paths: of modules ("" is the network itself).
        counts: how many names each of them has.
        names: all of these, in order.
        present: which of them count.

    """

    def __init__(self, paths: list[str], counts: list[int], names: list[str], present: list[bool]) -> None:
        self.paths, self.counts, self.names, self.present = paths, counts, names, present

    @cached_property
    def _all(self) -> list[str]:
        prefixes = chain.from_iterable(map(repeat, [f"{path}." if path else "" for path in self.paths], self.counts))
        return list(compress(map(add, prefixes, self.names), self.present))

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        return self._all[index]

    def __len__(self) -> int:
        return len(self._all)

    def __eq__(self, other: object) -> bool:
        return self._all == list(other) if isinstance(other, Sequence) else NotImplemented

    __hash__ = None  # type: ignore[assignment]


@dataclass(slots=True)
class Parameters(Sequence[Parameter]):
    """A network's parameters or buffers, kept by column: there are hundreds, and few readers want them one by one.

    A trace gives their names as `DottedNames`.
    """

    names: Sequence[str] = field(default_factory=list)
    values: list[int] = field(default_factory=list)
    trainable: list[bool] = field(default_factory=list)

    @classmethod
    def of(cls, parameters: Iterable[Parameter]) -> Self:
        """Parameters given one by one."""
        made = cls()
        for parameter in parameters:
            made.append(parameter)
        return made

    def append(self, parameter: Parameter) -> None:
        """Add one."""
        if not isinstance(self.names, list):
            self.names = list(self.names)
        self.names.append(parameter.name)
        self.values.append(parameter.value)
        self.trainable.append(parameter.trainable)

    @overload
    def __getitem__(self, index: int) -> Parameter: ...
    @overload
    def __getitem__(self, index: slice) -> list[Parameter]: ...
    def __getitem__(self, index: int | slice) -> Parameter | list[Parameter]:
        if isinstance(index, slice):
            return list(self)[index]
        return Parameter(self.names[index], self.values[index], self.trainable[index])

    def __iter__(self) -> Iterator[Parameter]:
        return map(Parameter, self.names, self.values, self.trainable)

    def __len__(self) -> int:
        return len(self.values)


@dataclass(slots=True)
class Graph:
    """A network: values (specs of all tensors), nodes in order of execution, and which values come from outside.

    Values are numbered; a node's outputs are new values, except that an in-place op's output is a new name for its input's
    storage (`Op.in_place`), as a view's is (`Op.is_view`).
    """

    name: str = ""
    training: bool = False
    values: list[TensorSpec] = field(default_factory=list)
    nodes: list[Node] = field(default_factory=list)
    inputs: list[int] = field(default_factory=list)
    outputs: list[int] = field(default_factory=list)
    parameters: Parameters = field(default_factory=Parameters)
    buffers: Parameters = field(default_factory=Parameters)
    constants: list[int] = field(default_factory=list)  # tensors made outside the network that it reads
    modules: dict[str, str] = field(default_factory=dict)  # dotted path -> class name
    released: dict[int, int] = field(default_factory=dict)  # value -> how many nodes had run when the code let go of it
    batch_axis: bool = True  # whether axis 0 of the inputs counts samples
    way: str = "quick"  # how it was traced: "quick" or "exact"
    why: str = ""  # the reason why the exact way was taken
    step: TrainingGraph | None = None  # a training step as it was recorded in the exact way

    @property
    def batch(self) -> int | None:
        """Samples in the first input; None where it has no batch axis."""
        shape = self.values[self.inputs[0]].shape if self.inputs else ()
        return shape[0] if self.batch_axis and shape else None

    def add_value(self, spec: TensorSpec) -> int:
        """A new value of that spec; returns its number."""
        self.values.append(spec)
        return len(self.values) - 1

    def add_input(self, spec: TensorSpec) -> int:
        """A new input of the network."""
        self.inputs.append(self.add_value(spec))
        return self.inputs[-1]

    def add_parameter(self, name: str, spec: TensorSpec, trainable: bool = True) -> int:
        """A new parameter."""
        value = self.add_value(spec)
        self.parameters.append(Parameter(name, value, trainable))
        return value

    def add_node(self, op: Op, *inputs: int, module: str = "") -> int:
        """Call ``op`` on values; returns the (first) output's number.

        Raises:
            ConvatlasError: the inputs do not fit the op.
        """
        result = op.output(*(self.values[value] for value in inputs))
        specs = [result] if isinstance(result, TensorSpec) else result
        outputs = tuple(self.add_value(spec) for spec in specs)
        self.nodes.append(Node(op, inputs, outputs, module))
        return outputs[0]

    def specs(self, numbers: tuple[int, ...] | list[int]) -> list[TensorSpec]:
        """The specs of values."""
        values = self.values
        return [values[number] for number in numbers]

    @property
    def uncounted(self) -> list[Node]:
        """Nodes whose cost no rule knows."""
        return [node for node in self.nodes if not node.op.counted]

    def __iter__(self) -> Iterator[Node]:
        return iter(self.nodes)

    def __len__(self) -> int:
        return len(self.nodes)

    def __repr__(self) -> str:
        inputs = ", ".join(str(self.values[value]) for value in self.inputs)
        return f"<Graph {self.name or 'unnamed'}: {len(self.nodes)} ops on {inputs}>"

    @property
    def conditions(self) -> str:
        """What it was traced at: "input 3x224x224, batch 1, float32, evaluation"."""
        return conditions_in_words(self.specs(self.inputs), self.batch_axis, self.training)

    def _repr_html_(self) -> str:
        """A table of the calls, for notebooks."""
        rows = []
        for place, node in enumerate(self.nodes):
            outputs = " and ".join(str(self.values[value]) for value in node.outputs)
            rows.append((place, node.module or "(network)", node.op.name, outputs))
        return html_table(f"{self.name or 'unnamed'}: {self.conditions}", ("call", "module", "op", "output"), rows)

    def to_json(self) -> str:
        """The graph as JSON text; `from_json` reads it back without loss."""
        return to_text(self)

    @staticmethod
    def from_json(text: str) -> Graph:
        """The graph that `to_json` wrote.

        Raises:
            ConvatlasError: the text is no graph, of another format, or damaged; the message says where.
        """
        return from_text(text)
