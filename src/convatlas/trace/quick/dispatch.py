"""Calls of torch's functions and of modules: each to the rule that knows it, or to its own code, whose parts are seen."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from threading import get_ident
from typing import Any

import torch
from torch import nn
from torch.nn.modules import module as module_of_torch
from torch.overrides import TorchFunctionMode
from torch.utils import module_tracker

from ..errors import user_line
from ..network import path_of_call
from ..register import registered_for
from .calls import leaves, without_overrides
from .functions import FUNCTION_RULES
from .modules import rules_of
from .own import own_call
from .proxy import Proxy
from .tracer import Rule, Tracer

# what may be asked of a real tensor in the middle of a trace: its values exist already
_OF_REAL_TENSORS = frozenset({
    "item", "tolist", "__bool__", "__int__", "__float__", "__index__", "__len__", "__repr__", "__format__", "__hash__",
    "size", "dim", "numel", "nelement", "stride", "is_contiguous", "is_floating_point", "is_complex", "element_size",
    "get_device", "ndimension", "data_ptr", "storage_offset", "has_names", "__deepcopy__", "is_signed", "numpy",
    "untyped_storage",
})  # fmt: skip
_PARTS = frozenset({"T", "mT", "H", "mH", "data", "real", "imag"})  # attributes of a tensor that are tensors of its elements


class FunctionMode(TorchFunctionMode):
    """Sends torch's functions to the tracer, those of real tensors only (parameters, constants, factories) too."""

    def __init__(self, tracer: Tracer) -> None:
        super().__init__()
        self.tracer = tracer
        self.open: set[Callable[..., Any]] = set()  # Python functions whose parts are being traced

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        rule = FUNCTION_RULES.get(func)
        if rule is not None:
            return self.tracer.apply(rule, args, kwargs or {})
        with self:  # the parts of a function without a rule are to be seen as well
            return self._without_rule(func, args, kwargs or {})

    def _without_rule(self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if (own := registered_for(func)) is not None:
            return own_call(self.tracer, own, args, kwargs)
        name = getattr(func, "__name__", str(func))
        if name in ("__get__", "__set__"):
            attribute = func.__self__.__name__  # type: ignore[attr-defined]
            if name == "__set__":
                raise self.tracer.unsure(f"a tensor's {attribute} is set")
            return self._attribute(func, attribute, args[0])
        tensors = [leaf for leaf in leaves((args, kwargs)) if isinstance(leaf, torch.Tensor)]
        if name in _OF_REAL_TENSORS and tensors and not any(type(tensor) is Proxy for tensor in tensors):
            return self._ask(func, args, kwargs)
        if isinstance(func, types.FunctionType) and func not in self.open:
            self.open.add(func)
            try:
                return without_overrides(func)(*args, **kwargs)
            finally:
                self.open.discard(func)
        if not tensors:  # such as torch.device, or what switches gradients off
            with torch._C.DisableTorchFunction():
                result = func(*args, **kwargs)
            if not any(isinstance(leaf, torch.Tensor) for leaf in leaves(result)):
                return result
        raise self.tracer.unsure(f"no rule for {_full_name(func, name)}")

    def _attribute(self, func: Callable[..., Any], attribute: str, tensor: Any) -> Any:
        """An attribute of a tensor; what is itself a tensor of its elements becomes part of the graph."""
        if attribute in _PARTS:
            return getattr(self.tracer.proxy(tensor), attribute)
        if type(tensor) is Proxy:
            if attribute.startswith("is_"):  # of a device or a layout that is not the trace's
                return False
            raise self.tracer.unsure(f"a tensor's {attribute} is asked for")
        with torch._C.DisableTorchFunction():
            self.tracer.check_known(tensor)
            return func(tensor)

    def _ask(self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Ask a real tensor something."""
        with torch._C.DisableTorchFunction():
            self.tracer.check_known(args[0])
            if id(args[0]) in self.tracer.counters:
                raise self.tracer.asks_for_values("of a counter")
            try:
                return func(*args, **kwargs)
            except RuntimeError as error:
                if args[0].is_meta:
                    what = f"of a tensor on meta, at {user_line()}"
                    raise self.tracer.unsure(f"a value is asked for: .{func.__name__.strip('_')}() {what}") from error
                raise


def _full_name(func: Any, name: str) -> str:
    home = getattr(func, "__module__", None) or getattr(getattr(func, "__objclass__", None), "__name__", "")
    if isinstance(func, torch._ops.OpOverloadPacket | torch._ops.OpOverload):
        return f"torch.ops.{func}"
    if isinstance(func, torch.ScriptMethod | torch.ScriptFunction):
        return f"the scripted {name}"
    return f"{'Tensor' if home in ('TensorBase', 'Tensor', '_TensorBase') else home or 'torch'}.{name}"


def calls_of(tracer: Tracer) -> list[Callable[..., Any]]:
    """For each module of the network, what carries out its calls: its rule, or its forward."""
    modules = tracer.modules
    rules = rules_of(modules)
    call = partial(partial, _call_of_shared if modules.shared else _call, tracer, get_ident())
    return list(map(call, modules.by_id.values(), modules.paths, rules))


def _call(tracer: Tracer, thread: int, module: nn.Module, path: str, rule: Rule | None, *args: Any, **kwargs: Any) -> Any:
    if get_ident() != thread:
        return module._call_impl(*args, **kwargs)  # type: ignore[no-untyped-call]
    tracer.entered = True
    own = module.__dict__
    if own.get("_forward_hooks") or own.get("_forward_pre_hooks"):
        raise tracer.unsure(f"a forward hook on {path or 'the network'}")
    outer = tracer.path
    tracer.path = path
    try:
        if rule is None or "forward" in own:
            result = module.forward(*args, **kwargs)
        elif len(args) == 1 and not kwargs and type(args[0]) is Proxy:
            result = rule(tracer, module, args[0])
        else:
            if args and isinstance(args[0], torch.Tensor):
                args = (tracer.proxy(args[0]), *args[1:])  # a layer applied to a parameter
            result = tracer.apply(lambda t, *others, **named: rule(t, module, *others, **named), args, kwargs)
    except BaseException as error:
        if tracer.failure is None or tracer.failure[0] is not error:
            tracer.failure = (error, path)
        tracer.path = outer
        raise
    tracer.path = outer
    return result


def _call_of_shared(
    tracer: Tracer, thread: int, module: nn.Module, first: str, rule: Rule | None, *args: Any, **kwargs: Any
) -> Any:
    """`_call` where a module may lie in several places: its path is that of the place from which it is called."""
    if get_ident() != thread:
        return module._call_impl(*args, **kwargs)  # type: ignore[no-untyped-call]
    outer = tracer.children
    path = path_of_call(module, first, tracer.path, outer)
    tracer.graph.modules.setdefault(path, type(module).__name__)
    tracer.children = module.__dict__["_modules"]
    try:
        return _call(tracer, thread, module, path, rule, *args, **kwargs)
    finally:
        tracer.children = outer


@contextmanager
def tracing(tracer: Tracer) -> Iterator[None]:
    """While inside, this thread's calls of torch functions go to the tracer."""
    hooks = [*module_of_torch._global_forward_hooks.values(), *module_of_torch._global_forward_pre_hooks.values()]
    if any(hook.__module__ != module_tracker.__name__ for hook in hooks):  # torch's own counters only look who is called
        raise tracer.unsure("a forward hook on all modules")
    with ExitStack() as stack:
        if (dynamo := sys.modules.get("torch._dynamo.eval_frame")) is not None:
            stack.enter_context(dynamo._use_eager_on_nested_compile())  # what is compiled runs its Python code
        stack.enter_context(torch.enable_grad())
        stack.enter_context(FunctionMode(tracer))
        try:
            yield
        finally:
            tracer.finish()
