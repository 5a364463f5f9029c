"""The tracer: the graph as it grows, and what is needed to find a tensor's or a module's name."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from itertools import count, repeat
from operator import attrgetter
from types import FrameType
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import nn
from torch.autograd.function import BackwardCFunction
from torch.utils import checkpoint

from ...graph import Graph, Node, Op, TensorSpec
from ...graph.graph import Parameters
from ...graph.ops import OPS
from ...graph.strides import Strides
from ..constants import constants_of
from ..errors import TraceError, Unsure, user_line
from ..network import Modules
from .functions.registry import given
from .known import PLAIN_TENSORS, spec_of, specs_of, why_unknown
from .proxy import Proxy, proxy_of

Rule = Callable[..., Any]
_made: Any = tuple.__new__  # makes a named tuple in a third of the time of its own constructor
_OWN_TO_TORCH = frozenset({"input", "self", "out"})
_VIEWS = frozenset({kind for kind in OPS.values() if kind.is_view is not False and kind.in_place is Op.in_place})
_bare = torch.Tensor.__new__
_is_grad_enabled, _is_fwd_grad_enabled = torch.is_grad_enabled, torch._C._is_fwd_grad_enabled
_is_any_autocast_enabled, _is_inference_mode_enabled = torch._C._is_any_autocast_enabled, torch.is_inference_mode_enabled
_top_hooks = torch._C._autograd._top_saved_tensors_default_hooks
_REQUIRES_GRAD = attrgetter("requires_grad")


def _finished(*_: Any, **__: Any) -> Any:
    raise TraceError("a tensor of a finished trace was used; a trace's tensors hold no data")


class Tracer:
    """One trace."""

    def __init__(self, graph: Graph, modules: Modules) -> None:
        self.graph, self.modules = graph, modules
        self.nodes, self.values = graph.nodes, graph.values
        self.released = graph.released
        self.device = torch.device("cpu")
        if modules.parameters.tensors and (device := modules.parameters.tensors[0].device).type != "meta":
            self.device = device
        self.autocast, self.hooks = _is_any_autocast_enabled(), _top_hooks(True)
        self.count = count(1)
        self.regions: WeakKeyDictionary[Callable[..., Any], int] = WeakKeyDictionary()  # of activation checkpoints, by their hook
        self.path = ""
        self.children: Mapping[str, nn.Module | None] = {}  # of the module at work, where one may lie in several places
        self.failure: tuple[BaseException, str] | None = None  # what a forward raised, and the module's path
        self.entered = False  # whether a call of a module has come here
        self.why = ""  # what is not known here; set for good, since the network's code may catch what is raised
        self.numbers: dict[int, int] = {}  # id of a real tensor -> its value
        self.constants: dict[int, torch.Tensor] | None = None  # by id, once one is met
        self.counters: set[int] = set()  # ids of real tensors that count calls
        self.strides: dict[int, Strides] = {}  # of the values that are not contiguous
        self.viewed: dict[int, int] = {}  # a view's value -> the value that it is a view of, itself no view
        self._number_all()

    def _number_all(self) -> None:
        """Give all parameters and buffers the graph's first numbers, in passes over all; a shared one keeps its first."""
        held, kept = self.modules.parameters, self.modules.buffers
        tensors, count = held.tensors + kept.tensors, len(held.tensors)
        parameters: Sequence[str] = held.names
        buffers: Sequence[str] = kept.names
        self.numbers = dict(zip(map(id, tensors), range(len(tensors)), strict=True))
        if len(self.numbers) < len(tensors):
            first = dict(zip(map(id, reversed(tensors)), reversed(range(len(tensors))), strict=True))
            places, names = sorted(first.values()), [*parameters, *buffers]
            count = sum(i < count for i in places)
            tensors, parameters, buffers = (
                [tensors[i] for i in places],
                [names[i] for i in places[:count]],
                [names[i] for i in places[count:]],
            )
            self.numbers = dict(zip(map(id, tensors), range(len(tensors)), strict=True))
        try:
            self.values += specs_of(tensors)
        except (RuntimeError, KeyError):
            usual = False
        else:
            usual = PLAIN_TENSORS.issuperset(map(type, tensors))
        if not usual:
            for name, tensor in zip((*parameters, *buffers), tensors, strict=True):
                if why := why_unknown(name, tensor):
                    raise self.unsure(why)
        places = list(range(len(tensors)))
        self.parameters = tensors[:count]
        self.graph.parameters = Parameters(parameters, places[:count])
        self.graph.buffers = Parameters(buffers, places[count:], [False] * (len(tensors) - count))

    def note_trainable(self) -> None:
        """Note which parameters need a gradient, now that the network is in its mode."""
        self.graph.parameters.trainable = list(map(_REQUIRES_GRAD, self.parameters))

    def finish(self) -> None:
        """The graph is not to grow any more."""
        self.emit = self.emit_many = self.add = self.overwrite = _finished  # type: ignore[method-assign]

    def unsure(self, why: str) -> Unsure:
        """The error for what is not known here; the trace has to begin anew in the exact way."""
        self.why = self.why or why
        return Unsure(why)

    def asks_for_values(self, what: str) -> Unsure:
        """The error for code that reads a tensor's values: the exact way knows some of them."""
        return self.unsure(f"a tensor's values are asked for ({what}) at {user_line()}")

    def place_of(self, error: BaseException) -> str:
        """The module in which an error was raised, by its path and class."""
        path = self.failure[1] if self.failure and self.failure[0] is error else ""
        name = self.graph.modules.get(path, "")
        return f"{path} ({name})" if path and name else path or name

    # making nodes

    def emit(self, op: Op, *tensors: Any) -> Proxy:
        """Write a call of ``op`` down; returns the proxy of its (first) output."""
        numbers, values = self.numbers, self.values
        inputs: list[int] = []
        specs: list[TensorSpec] = []
        for tensor in tensors:
            if type(tensor) is Proxy:
                value = tensor.value
            elif (value := numbers.get(id(tensor), -1)) < 0:
                value = self.number(tensor)
            inputs.append(value)
            specs.append(values[value])
        result = op.output(*specs)
        if type(result) is not TensorSpec:
            return self.emit_many(op, *tensors)[0]
        return self.add(op, tuple(inputs), result)

    def add(self, op: Op, inputs: tuple[int, ...], result: TensorSpec) -> Proxy:
        """Write a call of ``op`` down whose numbered inputs fit, and whose output is known."""
        values = self.values
        value = len(values)
        values.append(result)
        self._write(op, inputs, (value,))
        made: Proxy = _bare(Proxy)  # as `proxy_of` does, without the call
        made.tracer, made.value, made.spec = self, value, result
        return made

    def emit_layer(self, op: Op, x: Any, weight: Any, bias: Any) -> Proxy:
        """`emit` for an op with one output, a layer's input and its two tensors, either of which may be None.

        It is made for layers of the network, whose tensors are numbered.
        """
        numbers, values = self.numbers, self.values
        try:
            inputs = x.value, numbers[id(weight)], numbers[id(bias)]
        except (AttributeError, KeyError):
            return self.emit(op, x, *given(weight, bias))
        result: Any = op.output(values[inputs[0]], values[inputs[1]], values[inputs[2]])
        return self.add(op, inputs, result)

    def overwrite(self, op: Op, x: Any, *others: Any) -> Any:
        """Write a call of an in-place ``op`` down: ``x`` itself now stands for the new value, and nothing for the old one."""
        if type(x) is not Proxy and not others and self.is_counter(x):
            return self.emit(op, x)
        x = self.writable(x)
        old, values = x.value, self.values
        inputs: tuple[int, ...] = (old,)
        if others:
            inputs = (old, *map(self.number, others))
            op.output(*map(values.__getitem__, inputs))  # refuses what does not fit into it
        x.value = len(values)
        values.append(x.spec)
        self._write(op, inputs, (x.value,))
        self.released[old] = len(self.nodes)
        return x

    def emit_many(self, op: Op, *tensors: Any) -> tuple[Proxy, ...]:
        """Write a call of an op with several outputs down."""
        inputs = tuple(map(self.number, tensors))
        values = self.values
        results = op.output(*map(values.__getitem__, inputs))
        specs = (results,) if isinstance(results, TensorSpec) else results
        outputs = tuple(range(len(values), len(values) + len(specs)))
        values.extend(specs)
        self._write(op, inputs, outputs)
        return tuple(map(proxy_of, repeat(self), outputs, specs))

    def _write(self, op: Op, inputs: tuple[int, ...], outputs: tuple[int, ...]) -> None:
        no_grad = not _is_grad_enabled()
        if no_grad and not _is_fwd_grad_enabled() and not _is_inference_mode_enabled():
            raise self.unsure(f"a custom autograd.Function{_function_at_work()}")
        if _is_any_autocast_enabled() is not self.autocast:
            raise self.unsure("autocast is switched in forward")
        region = 0 if (hooks := _top_hooks(True)) == self.hooks else self._region(hooks)
        if type(op) in _VIEWS and op.is_view:
            base = self.viewed.get(inputs[0], inputs[0])
            self.viewed.update(zip(outputs, repeat(base)))
        packs = op.packs
        if self.strides or not packs:
            before = tuple(map(self.strides.get, inputs))
            if not packs or any(before):
                spec = self.values.__getitem__
                found = _strides_of(op, tuple(map(spec, inputs)), before, tuple(map(spec, outputs)))
                self.strides |= {value: strides for value, strides in zip(outputs, found, strict=True) if strides}
        self.nodes.append(_made(Node, (op, inputs, outputs, self.path, no_grad, region)))

    def _region(self, hooks: tuple[Callable[..., Any], Callable[..., Any]] | None) -> int:
        """The number of the activation checkpoint that is at work: torch runs it under hooks on what is saved for backward."""
        if hooks is None or hooks[0].__module__ != checkpoint.__name__:
            raise self.unsure("hooks on tensors that are saved for backward")
        if hooks[0] not in self.regions:
            self.regions[hooks[0]] = next(self.count)
        return self.regions[hooks[0]]

    def own(self, tensor: Any) -> Proxy:
        """A tensor that is to change: one of the trace."""
        if type(tensor) is Proxy:
            return tensor
        raise self.unsure("an in-place write to a tensor that the network holds")

    def writable(self, tensor: Any) -> Proxy:
        """A tensor that is to be written into: it is all of its memory, and shares that with nothing that may be read later."""
        x = self.own(tensor)
        if self.viewed:
            base = self.viewed.get(x.value, x.value)
            family = [base, *(view for view, its in self.viewed.items() if its == base)]
            if self.values[base].numel != x.spec.numel or any(v != x.value and v not in self.released for v in family):
                raise self.unsure(f"an in-place write to {'a view' if x.value in self.viewed else 'a tensor that has views'}")
        return x

    def is_counter(self, tensor: Any) -> bool:
        """Whether a tensor that the network holds is one whole number, as batch norm counts its batches in.

        Its values are not to be asked for any more.
        """
        spec = self.values[self.number(tensor)]
        self.counters.add(id(tensor))
        return not spec.shape and spec.dtype == "int64"

    # finding tensors

    def number(self, tensor: Any) -> int:
        """The graph's number of a tensor, real or proxy; a real one that is new becomes a constant."""
        if type(tensor) is Proxy:
            return tensor.value
        found = self.numbers.get(id(tensor))
        if found is None:
            if not isinstance(tensor, torch.Tensor):
                raise TraceError(f"expected a tensor, got {tensor!r}")
            with torch._C.DisableTorchFunction():
                self.check_known(tensor)
                found = self.graph.add_value(spec_of(tensor))
            self.numbers[id(tensor)] = found
            self.graph.constants.append(found)
        return found

    def check_known(self, tensor: torch.Tensor) -> None:
        """Refuse a real tensor that no module held before: it may have been made of proxies by what is not seen here."""
        if id(tensor) in self.numbers:
            return
        if self.constants is None:
            self.constants = constants_of(self.modules)
        if id(tensor) not in self.constants:
            raise self.unsure("a tensor that is made past torch's functions, or lies outside of the network")
        if tensor.requires_grad and self.graph.training:
            raise self.unsure("a tensor that needs a gradient and is no parameter of the network")
        if why := why_unknown("a constant", tensor):
            raise self.unsure(why)

    def shape(self, tensor: Any) -> tuple[int, ...]:
        """The shape of a tensor, real or proxy."""
        return tensor.spec.shape if type(tensor) is Proxy else self.values[self.number(tensor)].shape

    def proxy(self, tensor: Any) -> Proxy:
        """The proxy of a tensor."""
        if type(tensor) is Proxy:
            return tensor
        number = self.number(tensor)
        return proxy_of(self, number, self.values[number])

    def apply(self, rule: Rule, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Carry out a rule. Its first argument may come as torch names it."""
        if not kwargs:
            return rule(self, *args)
        if _OWN_TO_TORCH.isdisjoint(kwargs):
            return rule(self, *args, **kwargs)
        if "input" in kwargs:
            args = (kwargs["input"], *args)
        elif "self" in kwargs:
            args = (kwargs["self"], *args)
        rest = {key: value for key, value in kwargs.items() if key not in _OWN_TO_TORCH}
        if kwargs.get("out") is not None:
            raise self.unsure("a result that goes to out=")
        return rule(self, *args, **rest)


@lru_cache(maxsize=8192)
def _strides_of(
    op: Op, inputs: tuple[TensorSpec, ...], before: tuple[Strides, ...], outputs: tuple[TensorSpec, ...]
) -> tuple[Strides, ...]:
    """How an op's outputs lie in memory; networks repeat their calls."""
    return op.output_strides(inputs, before, outputs)


def _function_at_work() -> str:
    """The name of the custom autograd function whose forward is running."""
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        for value in frame.f_locals.values():
            if isinstance(value, BackwardCFunction):  # its context
                return f" ({type(value)._forward_cls.__name__})"  # type: ignore[attr-defined]
        frame = frame.f_back
    return ""
