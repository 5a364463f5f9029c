"""A graph as JSON text and back, without loss; damaged text is refused."""

from __future__ import annotations

import json
from dataclasses import fields
from functools import cache
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, Union, get_args, get_origin, get_type_hints

from ..errors import ConvatlasError
from .ops import OPS, Op
from .spec import ITEM_BYTES, TensorSpec

if TYPE_CHECKING:
    from .graph import Graph

FORMAT = 1


def to_text(graph: Graph) -> str:
    """The graph as JSON."""
    return json.dumps(
        {
            "format": FORMAT,
            "name": graph.name,
            "training": graph.training,
            "values": [[list(spec.shape), spec.dtype] for spec in graph.values],
            "nodes": [
                {"op": node.op.to_json(), "inputs": node.inputs, "outputs": node.outputs, "module": node.module}
                | ({"no_grad": True} if node.no_grad else {})
                | ({"region": node.region} if node.region else {})
                for node in graph.nodes
            ],
            "inputs": graph.inputs,
            "outputs": graph.outputs,
            "parameters": [[p.name, p.value, p.trainable] for p in graph.parameters],
            "buffers": [[p.name, p.value, p.trainable] for p in graph.buffers],
            "constants": graph.constants,
            "modules": graph.modules,
            "released": [[value, position] for value, position in graph.released.items()],
        }
        | ({} if graph.batch_axis else {"batch_axis": False})
        | ({} if graph.way == "quick" else {"way": graph.way, "why": graph.why})
    )


def from_text(text: str) -> Graph:
    """The graph that `to_text` wrote.

    Raises:
        ConvatlasError: the text is no graph, of another format, or damaged; the message says where.
    """
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConvatlasError(f"not a graph file: {error}") from None
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        found = data.get("format") if isinstance(data, dict) else type(data).__name__
        raise ConvatlasError(f"not a graph file of format {FORMAT}: found {found!r:.80}")
    from .graph import Graph, Parameter, Parameters

    part = _Part(data, "graph")
    values = [_spec(item) for item in part.list_of("values", list)]
    count = len(values)
    nodes = [_node(item, values) for item in part.list_of("nodes", dict)]
    modules = part.get("modules", dict)
    _check(all(isinstance(kind, str) for kind in modules.values()), "modules", modules)
    parameters, buffers = (
        Parameters.of([Parameter(*_typed(item, (str, int, bool), kind)) for item in part.list_of(kind, list)])
        for kind in ("parameters", "buffers")
    )
    released = [_typed(item, (int, int), "released") for item in part.list_of("released", list)]
    graph = Graph(
        part.get("name", str), part.get("training", bool), values, nodes, part.list_of("inputs", int),
        part.list_of("outputs", int), parameters, buffers, part.list_of("constants", int), modules, dict(released), part.get("batch_axis", bool, True),
        part.get("way", str, "quick"), part.get("why", str, ""),
    )  # fmt: skip
    for number in (*graph.inputs, *graph.outputs, *graph.constants, *graph.released, *(p.value for p in (*parameters, *buffers))):
        _check(0 <= number < count, "value", number)
    return graph


class _Part:
    """A JSON object whose entries are asked for by name and type."""

    def __init__(self, data: dict[str, Any], place: str) -> None:
        self.data, self.place = data, place

    def get(self, key: str, kind: type, default: Any = None) -> Any:
        value = self.data.get(key, default)
        _check(type(value) is kind, f"{self.place} {key!r}", value)
        return value

    def list_of(self, key: str, kind: type) -> list[Any]:
        items: list[Any] = self.get(key, list)
        for item in items:
            _check(type(item) is kind, f"{self.place} {key!r}", item)
        return items


def _check(fine: bool, place: str, found: Any) -> None:
    if not fine:
        raise ConvatlasError(f"a damaged graph file: {place} is {found!r:.80}")


def _typed(item: list[Any], kinds: tuple[type, ...], place: str) -> list[Any]:
    _check([type(value) for value in item] == list(kinds), place, item)
    return item


def _spec(item: list[Any]) -> TensorSpec:
    shape, dtype = _typed(item, (list, str), "a value")
    _check(dtype in ITEM_BYTES and all(type(n) is int and n >= 0 for n in shape), "a value", item)
    return TensorSpec(tuple(shape), dtype)


def _node(item: dict[str, Any], values: list[TensorSpec]) -> Any:
    from .graph import Node

    part = _Part(item, "a node's")
    inputs, outputs = tuple(part.list_of("inputs", int)), tuple(part.list_of("outputs", int))
    for number in (*inputs, *outputs):
        _check(0 <= number < len(values), "a node's value", number)
    op = op_from(part.get("op", dict))
    try:
        result = op.output(*[values[number] for number in inputs])
    except (ValueError, LookupError, TypeError, ZeroDivisionError) as error:
        raise ConvatlasError(f"a damaged graph file: {op.name} does not fit its inputs: {error}") from None
    made = (result,) if isinstance(result, TensorSpec) else result
    # behind what the op tells of may stand what torch's kernel returns beside it (a pooling's indices)
    _check(made == tuple(values[number] for number in outputs[: len(made)]), f"what {op.name} makes", outputs)
    return Node(op, inputs, outputs, part.get("module", str), part.get("no_grad", bool, False), part.get("region", int, 0))


def op_from(data: dict[str, Any]) -> Op:
    """The op that `Op.to_json` wrote.

    Raises:
        ConvatlasError: no op has that name, or its fields are others.
    """
    name = data.get("op")
    if not isinstance(name, str) or name not in OPS:
        raise ConvatlasError(f"a damaged graph file: there is no op {name!r:.80}")
    values = {key: _tuples(value) for key, value in data.items() if key != "op"}
    hints = _fields(name)
    _check(values.keys() == hints.keys(), f"the fields of {name}", sorted(values))
    for key, value in values.items():
        _check(_fits(value, hints[key]), f"{name}.{key}", value)
    return OPS[name](**values)


@cache
def _fields(name: str) -> dict[str, Any]:
    hints = get_type_hints(OPS[name])
    return {field.name: hints[field.name] for field in fields(OPS[name])}


def _fits(value: Any, hint: Any) -> bool:
    """Whether a value is of an annotated type: numbers, text, and tuples of them."""
    if get_origin(hint) in (UnionType, Union):
        return any(_fits(value, option) for option in get_args(hint))
    if get_origin(hint) is tuple:
        items = get_args(hint)
        if not isinstance(value, tuple):
            return False
        if items[-1] is Ellipsis:
            return all(_fits(item, items[0]) for item in value)
        return len(items) == len(value) and all(map(_fits, value, items))
    if hint is float:
        return type(value) in (int, float)
    return type(value) is (NoneType if hint is None else hint)


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list) else value
