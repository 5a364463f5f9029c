"""The tracer: runs a module's forward on proxies, and writes down each op it meets."""

from __future__ import annotations

import gc
import sys
import threading
import types
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import lru_cache
from itertools import repeat
from operator import attrgetter
from threading import get_ident
from typing import Any

import torch
from torch import nn
from torch.autograd.function import Function, FunctionCtx
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import _disable_current_modes

from ...graph import Graph, Node, Op, TensorSpec
from ...graph.graph import Parameters
from ...graph.ops import Slice, Uncounted
from ...graph.spec import ITEM_BYTES
from ...graph.strides import Strides, dense_strides, normal
from ..errors import TraceError
from ..network import DTYPES, TORCH_DTYPES, Modules
from ..register import registered_for
from .calls import CHANGES_OF_REAL_TENSORS, OF_REAL_TENSORS, leaves, mapped, read, without_overrides
from .functions import FUNCTION_RULES
from .functions.registry import given, renamed, strides_of
from .modules import rules_of
from .own import own_call
from .patches import redirected
from .proxy import Proxy, proxy_of

_LOCK = threading.RLock()
_active: list[Tracer] = []

Rule = Callable[..., Any]
_made: Any = tuple.__new__  # makes a named tuple in a third of the time of its own constructor
_OWN_TO_TORCH = frozenset({"input", "self", "out"})
_bare = torch.Tensor.__new__
_is_grad_enabled = torch.is_grad_enabled
_DTYPE, _SHAPE = attrgetter("dtype"), attrgetter("shape")
_REQUIRES_GRAD = attrgetter("requires_grad")


def active() -> Tracer:
    """The tracer at work.

    Raises:
        TraceError: there is none; a proxy outlived its trace.

    """
    return _active[-1] if _active else _finished()


def _finished(*_: Any, **__: Any) -> Any:
    raise TraceError("a tensor of a finished trace was used; a trace's tensors hold no data")


class Tracer:
    """One trace: the graph as it grows, and what is needed to find a tensor's or a module's name."""

    # for the code that torch's functions run in a trace (`patches`), which finds nothing but builtins
    proxy_type: type[Proxy] = Proxy
    get_ident = staticmethod(get_ident)

    def __init__(self, graph: Graph, modules: Modules) -> None:
        self.graph = graph
        self.nodes, self.values = graph.nodes, graph.values
        self.released = graph.released
        self.device = torch.device("cpu")
        self.path = ""
        self.failure: tuple[BaseException, str] | None = None  # what a forward raised, and the module's path
        self.region = 0  # of the activation checkpoint that is at work; 0 is none
        self.regions = 0
        self.function_rules: dict[Callable[..., Any], Rule] = FUNCTION_RULES
        self.thread = get_ident()
        calls = zip(modules.paths, rules_of(modules), strict=True)
        self.calls = dict(zip(modules.by_id, calls, strict=True))  # id of a module -> its path, its rule or None
        self.numbers: dict[int, int] = {}  # id of a real tensor -> its value
        self.open: set[Callable[..., Any]] = set()  # Python functions whose parts are being traced
        self.held: list[Any] = []  # real tensors met on the way: their ids stay theirs while they live

    def number_all(self, modules: Modules) -> None:
        """Give all parameters and buffers the graph's first numbers, in passes over all; a shared one keeps its first."""
        tensors, count = modules.parameters.tensors + modules.buffers.tensors, len(modules.parameters.tensors)
        parameters: Sequence[str] = modules.parameters.names
        buffers: Sequence[str] = modules.buffers.names
        self.numbers = dict(zip(map(id, tensors), range(len(tensors)), strict=True))
        if len(self.numbers) < len(tensors):
            first = dict(zip(map(id, reversed(tensors)), reversed(range(len(tensors))), strict=True))
            kept, names = sorted(first.values()), [*parameters, *buffers]
            count = sum(i < count for i in kept)
            tensors, parameters, buffers = (
                [tensors[i] for i in kept],
                [names[i] for i in kept[:count]],
                [names[i] for i in kept[count:]],
            )
            self.numbers = dict(zip(map(id, tensors), range(len(tensors)), strict=True))
        try:
            self.values += map(_spec, map(_DTYPE, tensors), map(_SHAPE, tensors))
        except (RuntimeError, KeyError):
            for name, tensor in zip((*parameters, *buffers), tensors, strict=True):
                _spec_of(tensor, name)  # says which one is wrong
            raise
        places, graph = list(range(len(tensors))), self.graph
        graph.parameters = Parameters(parameters, places[:count], list(map(_REQUIRES_GRAD, tensors[:count])))
        graph.buffers = Parameters(buffers, places[count:], [False] * (len(tensors) - count))

    # making nodes

    def emit(self, op: Op, *tensors: Any, strides: Strides = None) -> Proxy:
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
        return self.add(op, tuple(inputs), result, strides)

    def add(self, op: Op, inputs: tuple[int, ...], result: TensorSpec, strides: Strides = None) -> Proxy:
        """Write a call of ``op`` down whose numbered inputs fit, and whose output is known."""
        values = self.values
        value = len(values)
        values.append(result)
        self.nodes.append(_made(Node, (op, inputs, (value,), self.path, not _is_grad_enabled(), self.region)))
        made: Proxy = _bare(Proxy)  # as `proxy_of` does, without the call
        made.tracer, made.value, made.spec, made.strides = self, value, result, strides
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
        """Write a call of an in-place ``op`` down: ``x`` itself now stands for the new value, and nothing for the old one.

        A real tensor stays as it was.
        """
        if type(x) is not Proxy:
            return self.emit(op, x, *others)
        old, values, nodes = x.value, self.values, self.nodes
        inputs: tuple[int, ...] = (old,)
        if others:
            inputs = (old, *map(self.number, others))
            op.output(*map(values.__getitem__, inputs))  # refuses what does not fit into it
        x.value = len(values)
        values.append(x.spec)
        nodes.append(_made(Node, (op, inputs, (x.value,), self.path, not _is_grad_enabled(), self.region)))
        self.released[old] = len(nodes)
        return x

    def emit_many(self, op: Op, *tensors: Any) -> tuple[Proxy, ...]:
        """Write a call of an op with several outputs down."""
        inputs = tuple(map(self.number, tensors))
        values = self.values
        results = op.output(*map(values.__getitem__, inputs))
        specs = (results,) if isinstance(results, TensorSpec) else results
        outputs = tuple(range(len(values), len(values) + len(specs)))
        values.extend(specs)
        self.nodes.append(Node(op, inputs, outputs, self.path, not _is_grad_enabled(), self.region))
        return tuple(map(proxy_of, repeat(self), outputs, specs))

    def number(self, tensor: Any) -> int:
        """The graph's number of a tensor, real or proxy; a real one that is new becomes a constant."""
        if type(tensor) is Proxy:
            return tensor.value
        found = self.numbers.get(id(tensor))
        if found is None:
            if not isinstance(tensor, torch.Tensor):
                raise TraceError(f"expected a tensor, got {tensor!r}")
            with torch._C.DisableTorchFunction():
                found = self.graph.add_value(_spec_of(tensor, "a tensor"))
            self.numbers[id(tensor)] = found
            self.held.append(tensor)
            self.graph.constants.append(found)
        return found

    def shape(self, tensor: Any) -> tuple[int, ...]:
        """The shape of a tensor, real or proxy."""
        return tensor.spec.shape if type(tensor) is Proxy else self.values[self.number(tensor)].shape

    def proxy(self, tensor: Any) -> Proxy:
        """The proxy of a tensor."""
        if type(tensor) is Proxy:
            return tensor
        number = self.number(tensor)
        return proxy_of(self, number, self.graph.values[number])

    # functions

    def dispatch(self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Carry out a torch function: by its rule, by its parts, or by asking torch's meta kernels for shapes."""
        rule = self.function_rules.get(func)
        if rule is not None:
            return self.apply(rule, args, kwargs)
        if (own := registered_for(func)) is not None:
            return own_call(self, own, args, kwargs)
        name = getattr(func, "__name__", str(func))
        if name in ("__get__", "__set__"):
            attribute = func.__self__.__name__  # type: ignore[attr-defined]
            return self._attribute(func, attribute, args) if name == "__get__" else None  # nothing real is changed
        if not any(type(leaf) is Proxy for leaf in leaves((args, kwargs))):
            if name in CHANGES_OF_REAL_TENSORS:
                return args[0]
            if name in OF_REAL_TENSORS:
                return read(func, args, kwargs)
        if isinstance(func, types.FunctionType) and func not in self.open:
            self.open.add(func)
            try:
                return without_overrides(func)(*args, **kwargs)
            finally:
                self.open.discard(func)
        return self._by_meta(func, name, args, kwargs)

    def apply(self, rule: Rule, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Carry out a rule. Its first argument may come as torch names it, and the result may go to ``out``."""
        if not kwargs:
            return rule(self, *args)
        if _OWN_TO_TORCH.isdisjoint(kwargs):
            return rule(self, *args, **kwargs)
        if "input" in kwargs:
            args = (kwargs["input"], *args)
        elif "self" in kwargs:
            args = (kwargs["self"], *args)
        rest = {key: value for key, value in kwargs.items() if key not in _OWN_TO_TORCH}
        result = rule(self, *args, **rest)
        out = kwargs.get("out")
        return result if out is None else renamed(out, result)

    def _attribute(self, func: Callable[..., Any], attribute: str, args: tuple[Any, ...]) -> Any:
        """An attribute of a tensor; what is itself a tensor of its data becomes part of the graph."""
        if attribute in ("T", "mT", "H", "mH", "data", "real", "imag"):
            return getattr(self.proxy(args[0]), attribute)
        with torch._C.DisableTorchFunction():
            return func(self._meta(args[0]) if type(args[0]) is Proxy else args[0])

    def _meta(self, tensor: Any) -> torch.Tensor:
        """A tensor of the same shape and layout on the meta device."""
        spec = self.graph.values[self.number(tensor)]
        strides = strides_of(tensor) or dense_strides(spec.shape)
        return torch.empty_strided(spec.shape, strides, dtype=TORCH_DTYPES[spec.dtype], device="meta")

    def _by_meta(self, func: Callable[..., Any], name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Ask torch's meta kernel for the shapes of a function that has no rule."""
        tensors: list[Any] = []

        def to_meta(leaf: Any) -> Any:
            if type(leaf) is Proxy or isinstance(leaf, torch.Tensor):
                tensors.append(leaf)
                return self._meta(leaf)
            return "meta" if isinstance(leaf, torch.device) else leaf

        with torch._C.DisableTorchFunction():
            meta_args, meta_kwargs = mapped(to_meta, (args, kwargs))
            known = len(sys.modules)
            try:
                result = func(*meta_args, **meta_kwargs)
            except (RuntimeError, NotImplementedError) as error:
                reason = str(error).partition("\n")[0]
                raise TraceError(f"no rule for {name}, and torch's meta kernel refuses it: {reason}") from error
            if len(sys.modules) > known:  # an import's cycles hold the frames below it, and so tensors that the code lets go of
                gc.collect()
            results = [leaf for leaf in leaves(result) if isinstance(leaf, torch.Tensor)]
            if not results:
                return result
            specs = [TensorSpec(tuple(leaf.shape), DTYPES[leaf.dtype]) for leaf in results]
            strides = [normal(spec.shape, leaf.stride()) for spec, leaf in zip(specs, results, strict=True)]
            views = all(leaf._is_view() for leaf in results)
        if views:  # other names for what exists already: nothing is computed
            made = tuple([self.emit(Slice(spec.shape), tensors[0]) for spec in specs])
        else:
            made = self.emit_many(Uncounted(name, tuple((spec.shape, spec.dtype) for spec in specs)), *tensors)
        for tensor, layout in zip(made, strides, strict=True):
            tensor.strides = layout
        if name.endswith("_") and not name.endswith("__") and len(made) == 1:
            return renamed(tensors[0], made[0])
        outputs = iter(made)
        return mapped(lambda leaf: next(outputs) if isinstance(leaf, torch.Tensor) else leaf, result)

    # modules

    def apply_to_module(self, rule: Rule, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Carry out the rule of a module that is called otherwise than with one proxy."""
        if args and isinstance(args[0], torch.Tensor):
            args = (self.proxy(args[0]), *args[1:])  # a layer applied to a parameter
        return self.apply(lambda t, *others, **named: rule(t, module, *others, **named), args, kwargs)

    def in_region(self, function: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        """Run a function under an activation checkpoint."""
        outer = self.region
        self.regions += 1
        self.region = self.regions
        try:
            return function(*args, **kwargs)
        finally:
            self.region = outer

    def custom_function(self, kind: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run the forward of a custom autograd function; its parts are traced."""
        if kind.setup_context is not Function.setup_context:
            return kind.forward(*args, **kwargs)
        context: Any = FunctionCtx()
        context.needs_input_grad = tuple(isinstance(value, torch.Tensor) for value in args)
        return kind.forward(context, *args, **kwargs)


def _spec_of(tensor: torch.Tensor, name: str) -> TensorSpec:
    try:
        return _spec(tensor.dtype, tensor.shape)
    except RuntimeError as error:
        raise TraceError(f"{name} has no shape yet; run the lazy module once before tracing it ({error})") from error
    except KeyError:
        raise TraceError(
            f"{name} is of dtype {tensor.dtype}, which has no size in whole bytes; trace the module unquantized"
        ) from None


_SIZED = {dtype: name for dtype, name in DTYPES.items() if name in ITEM_BYTES}


@lru_cache(maxsize=8192)
def _spec(dtype: torch.dtype, shape: torch.Size) -> TensorSpec:
    """The spec of a tensor; most tensors of a network share theirs with others."""
    return TensorSpec(tuple(shape), _SIZED[dtype])


class _Mode(TorchFunctionMode):
    """Sends functions of real tensors only (parameters, constants, factories) to the tracer too; none is computed."""

    def __init__(self, tracer: Tracer) -> None:
        super().__init__()
        self.tracer = tracer

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        rule = self.tracer.function_rules.get(func)
        if rule is not None:
            return self.tracer.apply(rule, args, kwargs) if kwargs else rule(self.tracer, *args)
        with self:  # the parts of a function without a rule are to be seen as well
            return self.tracer.dispatch(func, args, kwargs or {})


@contextmanager
def alone() -> Iterator[None]:
    """While inside, no other thread traces, no garbage is collected, and no mode of the caller's watches torch's operations.

    A trace makes thousands of records and no cycles, and looking for some costs a fifth. It runs no operation that such a
    mode (FakeTensorMode, FlopCounterMode) could want to see, only makes its proxies.
    """
    with _LOCK, _disable_current_modes() if torch._C._len_torch_dispatch_stack() else nullcontext():
        enabled = gc.isenabled()
        gc.disable()
        try:
            yield
        finally:
            if enabled:
                gc.enable()


@contextmanager
def tracing(tracer: Tracer) -> Iterator[None]:
    """While inside, calls of modules and torch functions in this thread go to the tracer."""
    _active.append(tracer)
    try:
        with redirected(tracer), _Mode(tracer):
            yield
    finally:
        _active.pop()
        tracer.emit = tracer.emit_many = _finished  # type: ignore[method-assign]  # the graph is not to grow any more
