"""The tracer: runs a module's forward on stand-ins, and writes down each op it meets."""

from __future__ import annotations

import random
import threading
import types
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from operator import is_
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from ..graph import Graph, Node, Op, Parameter, TensorSpec
from ..graph.ops import Uncounted
from .errors import TraceError
from .standin import DTYPES, TORCH_DTYPES, StandIn

_LOCK = threading.RLock()
_active: list[Tracer] = []

Rule = Callable[..., Any]


def active() -> Tracer:
    """The tracer at work.

    Raises:
        TraceError: there is none; a stand-in outlived its trace.
    """
    if not _active:
        raise TraceError("a tensor of a finished trace was used; a trace's tensors hold no data")
    return _active[-1]


class Tracer:
    """One trace: the graph as it grows, and what is needed to find a tensor's or a module's name."""

    def __init__(self, graph: Graph, module: nn.Module) -> None:
        from .functions import FUNCTION_RULES
        from .modules import ModuleRules

        self.graph = graph
        self.nodes = graph.nodes
        self.released = graph.released
        self.root = module
        self.device = torch.device("cpu")
        self.path = ""
        self.region = 0
        self.function_rules: dict[Callable[..., Any], Rule] = FUNCTION_RULES
        self.module_rules = ModuleRules()
        self.paths: dict[int, str] = {}  # id of a module -> its first dotted path
        self.numbers: dict[int, int] = {}  # id of a real tensor -> its value
        self.held: list[Any] = []  # real tensors met on the way: their ids stay theirs while they live
        self.modules: list[tuple[nn.Module, str]] = []
        self._index(module, "")

    def _index(self, module: nn.Module, path: str) -> None:
        """Name every module, parameter and buffer, depth first, as `named_parameters` does."""
        if id(module) in self.paths:
            return
        self.paths[id(module)] = path
        self.modules.append((module, path))
        contents = module.__dict__
        graph, numbers = self.graph, self.numbers
        values = graph.values
        prefix = f"{path}." if path else ""
        for kind, found in (("_parameters", graph.parameters), ("_buffers", graph.buffers)):
            for name, tensor in contents[kind].items():
                if tensor is not None and id(tensor) not in numbers:
                    numbers[id(tensor)] = len(values)
                    found.append(Parameter(prefix + name, len(values), tensor.requires_grad))
                    values.append(_spec_of(tensor, prefix + name))
        for name, child in contents["_modules"].items():
            if child is not None:
                self._index(child, prefix + name)

    # making nodes

    def emit(self, op: Op, *tensors: Any, strides: tuple[int, ...] | None = None) -> StandIn:
        """Write a call of ``op`` down; returns the stand-in of its (first) output."""
        number = self.number
        inputs = tuple([t.value if type(t) is StandIn else number(t) for t in tensors])
        values = self.graph.values
        result = op.output(*[values[i] for i in inputs])
        if type(result) is not TensorSpec:
            return self.emit_many(op, *tensors)[0]
        value = len(values)
        values.append(result)
        self.graph.nodes.append(Node(op, inputs, (value,), self.path, not torch.is_grad_enabled(), self.region))
        return StandIn(self, value, result, strides)

    def emit_many(self, op: Op, *tensors: Any) -> tuple[StandIn, ...]:
        """Write a call of an op with several outputs down."""
        inputs = tuple([t.value if type(t) is StandIn else self.number(t) for t in tensors])
        values = self.graph.values
        results = op.output(*[values[i] for i in inputs])
        specs = (results,) if isinstance(results, TensorSpec) else results
        outputs = tuple(range(len(values), len(values) + len(specs)))
        values.extend(specs)
        self.graph.nodes.append(Node(op, inputs, outputs, self.path, not torch.is_grad_enabled(), self.region))
        return tuple(StandIn(self, value, spec) for value, spec in zip(outputs, specs, strict=True))

    def number(self, tensor: Any) -> int:
        """The graph's number of a tensor, real or stand-in; a real one that is new becomes a constant."""
        if type(tensor) is StandIn:
            return tensor.value  # type: ignore[no-any-return]
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

    def stand_in(self, tensor: Any) -> StandIn:
        """The stand-in of a tensor."""
        if type(tensor) is StandIn:
            return tensor
        number = self.number(tensor)
        return StandIn(self, number, self.graph.values[number])

    # functions

    def dispatch(self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Carry out a torch function: by its rule, by its parts, or by asking torch's meta kernels for shapes."""
        rule = self.function_rules.get(func)
        if rule is not None:
            return rule(self, *args, **kwargs)
        stand_ins = any(type(leaf) is StandIn for leaf in _leaves((args, kwargs)))
        name = getattr(func, "__name__", str(func))
        if not stand_ins and (name in _OF_REAL_TENSORS or name == "__get__" or name == "__set__"):
            with torch._C.DisableTorchFunction():
                return func(*args, **kwargs)
        if name == "__get__":
            return getattr(args[0], func.__self__.__name__)  # type: ignore[attr-defined]
        if isinstance(func, types.FunctionType):
            return _without_overrides(func)(*args, **kwargs)
        return self._by_meta(func, name, args, kwargs)

    def _by_meta(self, func: Callable[..., Any], name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Ask torch's meta kernel for the shapes of a function that has no rule."""
        tensors: list[Any] = []

        def to_meta(leaf: Any) -> Any:
            if type(leaf) is StandIn or isinstance(leaf, torch.Tensor):
                tensors.append(leaf)
                spec = self.graph.values[self.number(leaf)]
                return torch.empty(spec.shape, dtype=TORCH_DTYPES[spec.dtype], device="meta")
            return "meta" if isinstance(leaf, torch.device) else leaf

        with torch._C.DisableTorchFunction():
            meta_args, meta_kwargs = _mapped(to_meta, (args, kwargs))
            try:
                result = func(*meta_args, **meta_kwargs)
            except (RuntimeError, NotImplementedError) as error:
                reason = str(error).partition("\n")[0]
                raise TraceError(f"no rule for {name}, and torch's meta kernel refuses it: {reason}") from error
            results = [leaf for leaf in _leaves(result) if isinstance(leaf, torch.Tensor)]
            if not results:
                return result
            op = Uncounted(name, tuple((tuple(leaf.shape), DTYPES[leaf.dtype]) for leaf in results))
        outputs = iter(self.emit_many(op, *tensors))
        return _mapped(lambda leaf: next(outputs) if isinstance(leaf, torch.Tensor) else leaf, result)

    # modules

    def call(self, module: nn.Module, *args: Any, **kwargs: Any) -> Any:
        """Carry out a module's call: by the rule of its type, or by running its forward."""
        rule = self.module_rules[type(module)]
        outer = self.path
        path = self.paths.get(id(module))
        self.path = self._path_of_stranger(module) if path is None else path
        result = module.forward(*args, **kwargs) if rule is None else rule(self, module, *args, **kwargs)
        self.path = outer  # on an error the path stays, and says where
        return result

    def _path_of_stranger(self, module: nn.Module) -> str:
        """The path of a module that the forward pass itself made: a slice of a Sequential has none of its own."""
        if isinstance(module, nn.Sequential | nn.ModuleList):
            return self.path
        name = type(module).__name__
        return f"{self.path}.{name}" if self.path else name


def _spec_of(tensor: torch.Tensor, name: str) -> TensorSpec:
    try:
        return TensorSpec(tuple(tensor.shape), DTYPES[tensor.dtype])
    except RuntimeError as error:
        raise TraceError(f"{name} has no shape yet; run the lazy module once before tracing it ({error})") from error


# what may be asked of a real tensor in the middle of a trace: its values exist already
_OF_REAL_TENSORS = frozenset({
    "item", "tolist", "__bool__", "__int__", "__float__", "__index__", "__len__", "__repr__", "__format__", "__hash__",
    "size", "dim", "numel", "nelement", "stride", "is_contiguous", "is_floating_point", "is_complex", "element_size",
    "get_device", "ndimension", "data_ptr", "storage_offset", "has_names", "__deepcopy__", "is_signed", "equal",
    "numpy", "untyped_storage", "requires_grad_", "register_hook",
})  # fmt: skip


def _leaves(tree: Any) -> Iterator[Any]:
    if isinstance(tree, list | tuple):
        for item in tree:
            yield from _leaves(item)
    elif isinstance(tree, dict):
        yield from _leaves(list(tree.values()))
    else:
        yield tree


def _mapped(change: Callable[[Any], Any], tree: Any) -> Any:
    if type(tree) is StandIn:
        return change(tree)
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return type(tree)(*(_mapped(change, item) for item in tree))
    if isinstance(tree, torch.Size):
        return tree
    if isinstance(tree, list | tuple):
        items = [_mapped(change, item) for item in tree]
        try:
            return type(tree)(items)
        except TypeError:  # torch's structured results take no plain list
            return tuple(items)
    if isinstance(tree, dict):
        return {key: _mapped(change, item) for key, item in tree.items()}
    return change(tree)


_UNGUARDED: dict[Callable[..., Any], Callable[..., Any]] = {}


def _without_overrides(func: types.FunctionType) -> Callable[..., Any]:
    """A Python function of torch that runs its own body instead of asking for an override, so that its parts are seen."""
    if func not in _UNGUARDED:
        names = {name: (lambda *_: False) for name in func.__globals__ if name.startswith("has_torch_function")}
        copy = types.FunctionType(
            func.__code__, {**func.__globals__, **names}, func.__name__, func.__defaults__, func.__closure__
        )
        copy.__kwdefaults__ = func.__kwdefaults__
        _UNGUARDED[func] = copy
    return _UNGUARDED[func]


class _Mode(TorchFunctionMode):
    """Sends functions of real tensors only (parameters, constants, factories) to the tracer too: nothing is computed."""

    def __init__(self, tracer: Tracer) -> None:
        super().__init__()
        self.tracer = tracer

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        rule = self.tracer.function_rules.get(func)
        if rule is not None:
            return rule(self.tracer, *args, **(kwargs or {}))
        with self:  # the parts of a function without a rule are to be seen as well
            return self.tracer.dispatch(func, args, kwargs or {})


_original_call: Callable[..., Any] = nn.Module._call_impl


@contextmanager
def tracing(tracer: Tracer) -> Iterator[None]:
    """While inside, calls of modules and torch functions in this thread go to the tracer.

    Afterwards the caller's module is as it was: attributes, buffers and parameters that its forward set are set back.
    """
    thread = threading.get_ident()
    call = tracer.call

    def call_impl(module: nn.Module, *args: Any, **kwargs: Any) -> Any:
        if threading.get_ident() != thread:
            return _original_call(module, *args, **kwargs)
        return call(module, *args, **kwargs)

    with _LOCK:
        outer = nn.Module._call_impl
        saved = []
        for module, _ in tracer.modules:
            contents = module.__dict__
            saved.append((contents, contents.copy()))
            for inner in (contents["_buffers"], contents["_parameters"]):
                if inner:
                    saved.append((inner, inner.copy()))
        state = random.getstate()
        _active.append(tracer)
        nn.Module._call_impl = call_impl  # type: ignore[method-assign]
        try:
            with _Mode(tracer):
                yield
        finally:
            nn.Module._call_impl = outer  # type: ignore[method-assign]
            _active.pop()
            random.setstate(state)
            for contents, before in saved:
                if len(contents) != len(before) or not all(map(is_, contents.values(), before.values())):
                    contents.clear()
                    contents.update(before)


@contextmanager
def in_mode(modules: Sequence[tuple[nn.Module, str]], root: nn.Module, training: bool) -> Iterator[None]:
    """While inside, the network is in training or evaluation mode; afterwards each module is in its own again."""
    before = [(module, module.training) for module, _ in modules if module.training is not training]
    if not before:
        yield
        return
    all_before = [(module, module.training) for module, _ in modules]
    try:
        root.train(training)  # a module may override what that means
        yield
    finally:
        for module, mode in all_before:
            module.__dict__["training"] = mode
