"""What is redirected inside torch while a trace runs, for this thread only."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from threading import get_ident
from types import FunctionType
from typing import TYPE_CHECKING, Any

import torch
import torch.overrides
import torch.utils.checkpoint
from torch import nn
from torch.autograd.function import Function
from torch.nn.utils import parametrize

if TYPE_CHECKING:
    from .tracer import Tracer

_MISSING = object()
_SETTINGS = ("use_reentrant", "preserve_rng_state", "context_fn", "determinism_check", "debug", "early_stop",
             "respect_saved_tensors_hooks")  # fmt: skip # of torch.utils.checkpoint, none of which changes the forward


class Exchange:
    """A Python function of torch that may be made to run another one's code for a time.

    Classes do not notice that. To set a method of `nn.Module` anew would empty Python's caches for its 300 subclasses, twice a
    trace. The other code runs as a part of torch's file: it may name builtins only, and what else it needs comes as keywords,
    among them what the function does without it (``_native``).
    """

    def __init__(self, function: Any, other: Any) -> None:
        self.function: FunctionType = function
        own = function.__code__
        self.native = FunctionType(own, function.__globals__, function.__name__, function.__defaults__, function.__closure__)
        self.native.__kwdefaults__ = function.__kwdefaults__
        self.code = other.__code__.replace(co_freevars=own.co_freevars)  # the closure stays, and has to fit


@contextmanager
def exchanged(exchanges: Sequence[Exchange], **keywords: Any) -> Iterator[None]:
    """While inside, these functions run the other code, with these keywords."""
    functions = [exchange.function for exchange in exchanges]
    before = [(function.__code__, function.__kwdefaults__) for function in functions]
    try:
        for function, exchange in zip(functions, exchanges, strict=True):
            # first the keywords, then what takes them: another thread may call at any time
            function.__kwdefaults__ = keywords | {"_native": exchange.native}
            function.__code__ = exchange.code
        yield
    finally:
        for function, (code, defaults) in zip(functions, before, strict=True):
            function.__code__ = code
            function.__kwdefaults__ = defaults


def _call(module: nn.Module, *args: Any, _tracer: Tracer, _native: Any, **kwargs: Any) -> Any:
    """What carries out a module's call: the rule of its type, or its forward."""
    called = _tracer.calls.get(id(module))
    if called is None or _tracer.get_ident() != _tracer.thread:
        return _native(module, *args, **kwargs)
    path, rule = called
    outer = _tracer.path
    _tracer.path = path
    try:
        if rule is None:
            # a compiled module inside the network stands for the one that it was made of
            inner = module.__dict__["_modules"].get("_orig_mod")
            result = (module.forward if inner is None else inner)(*args, **kwargs)
        elif len(args) == 1 and not kwargs and type(args[0]) is _tracer.proxy_type:
            result = rule(_tracer, module, args[0])
        else:
            result = _tracer.apply_to_module(rule, module, args, kwargs)
    except BaseException as error:
        if _tracer.failure is None or _tracer.failure[0] is not error:
            _tracer.failure = (error, path)
        _tracer.path = outer
        raise
    _tracer.path = outer
    return result


def _handle(function: Any, relevant: Any, *args: Any, _tracer: Tracer, _native: Any, **kwargs: Any) -> Any:
    """What torch's Python functions call for arguments that override them: straight to the tracer, past the mode's stack."""
    if _tracer.get_ident() != _tracer.thread:
        return _native(function, relevant, *args, **kwargs)
    rule = _tracer.function_rules.get(function)
    return _tracer.dispatch(function, args, kwargs) if rule is None else _tracer.apply(rule, args, kwargs)


_CALLS = [Exchange(nn.Module._wrapped_call_impl, _call), Exchange(torch.overrides.handle_torch_function, _handle)]


@contextmanager
def redirected(tracer: Tracer) -> Iterator[None]:
    """While inside, this thread's calls of modules, checkpoints and custom autograd functions go to the tracer.

    Other threads find torch as it is: every replacement asks first which thread calls it.
    """
    replacements = [
        (Function, "apply", _Apply(tracer)),
        (torch._C.ScriptFunction, "__call__", _scripted_call()),
        *_checkpoint_replacements(tracer),
    ]
    if parametrize._cache_enabled:  # what it keeps for the caller is not to be a proxy
        replacements.append((parametrize, "_cache", {}))
    # functions under torch.compile are to run their Python code
    compiled = "torch._dynamo" in sys.modules
    before = [vars(owner).get(name, _MISSING) for owner, name, _ in replacements]
    try:
        for owner, name, replacement in replacements:
            setattr(owner, name, replacement)
        with exchanged(_CALLS, _tracer=tracer), torch.compiler.set_stance("force_eager") if compiled else nullcontext():
            yield
    finally:  # each is what it was, be that absent or inherited
        for (owner, name, _), former in zip(replacements, before, strict=True):
            if former is not _MISSING:
                setattr(owner, name, former)
            elif name in vars(owner):
                delattr(owner, name)


_native_apply = next(vars(kind)["apply"] for kind in Function.__mro__ if "apply" in vars(kind))


class _Apply:
    """Descriptor in the place of ``Function.apply``: a method of each class, as the original is."""

    def __init__(self, tracer: Tracer) -> None:
        self.tracer, self.thread = tracer, get_ident()

    def __get__(self, instance: Any, owner: Any) -> Callable[..., Any]:
        if get_ident() != self.thread:
            return _native_apply.__get__(instance, owner)  # type: ignore[no-any-return]
        return lambda *args, **kwargs: self.tracer.custom_function(owner, args, kwargs)


def _scripted_call() -> Callable[..., Any]:
    """A scripted function's call: by the Python function that it was made of, which alone can be followed."""
    thread, compiled = get_ident(), vars(torch._C.ScriptFunction)["__call__"]

    def call(function: Any, *args: Any, **kwargs: Any) -> Any:
        if get_ident() != thread:
            return compiled.__get__(function)(*args, **kwargs)
        return function._torchdynamo_inline(*args, **kwargs)

    return call


def _checkpoint_replacements(tracer: Tracer) -> list[tuple[Any, str, Any]]:
    """Activation checkpoints become regions of the graph; the checkpointed function runs once, as any other code."""
    thread, home = get_ident(), torch.utils.checkpoint
    original = home.checkpoint.__wrapped__  # type: ignore[attr-defined]
    # what torch calls in place of `original`, so as to keep dynamo away; made at the first call
    undisturbed = getattr(original, "__dynamo_disable", original)

    def checkpoint(*args: Any, **kwargs: Any) -> Any:
        if get_ident() != thread:
            return undisturbed(*args, **kwargs)
        if not args and "function" not in kwargs:  # only makes a decorator
            return original(**kwargs)
        given = {key: value for key, value in kwargs.items() if key not in _SETTINGS}
        function = args[0] if args else given.pop("function")
        return tracer.in_region(function, args[1:], given)

    replacements = [(original, "__dynamo_disable", checkpoint)]
    decorated = getattr(home, "_checkpoint_impl", None)
    if decorated is not None:

        def checkpoint_impl(function: Any, args: Any, kwargs: Any, **settings: Any) -> Any:
            if get_ident() != thread:
                return decorated(function, args, kwargs, **settings)
            return tracer.in_region(function, args, kwargs)

        replacements.append((home, "_checkpoint_impl", checkpoint_impl))
    return replacements
