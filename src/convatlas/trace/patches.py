"""What is redirected inside torch while a trace runs, for this thread only."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from threading import get_ident
from typing import TYPE_CHECKING, Any

import torch
import torch.functional
import torch.nn.functional
import torch.overrides
import torch.utils.checkpoint
from torch.autograd.function import Function
from torch.nn.utils import parametrize

if TYPE_CHECKING:
    from .tracer import Tracer

_MISSING = object()
_SETTINGS = ("use_reentrant", "preserve_rng_state", "context_fn", "determinism_check", "debug", "early_stop",
             "respect_saved_tensors_hooks")  # fmt: skip # of torch.utils.checkpoint, none of which changes the forward


@contextmanager
def redirected(tracer: Tracer) -> Iterator[None]:
    """While inside, this thread's checkpoints and custom autograd functions go to the tracer.

    Other threads find torch as it is: every replacement asks first which thread calls it.
    """
    replacements = [
        (Function, "apply", _Apply(tracer)),
        (torch._C.ScriptFunction, "__call__", _scripted_call()),
        *((home, "handle_torch_function", _handler(tracer)) for home in (torch.nn.functional, torch.functional)),
        *_checkpoint_replacements(tracer),
    ]
    if parametrize._cache_enabled:  # what it keeps for the caller is not to be a stand-in
        replacements.append((parametrize, "_cache", {}))
    # functions under torch.compile are to run their Python code
    compiled = "torch._dynamo" in sys.modules
    before = [vars(owner).get(name, _MISSING) for owner, name, _ in replacements]
    try:
        for owner, name, replacement in replacements:
            setattr(owner, name, replacement)
        with torch.compiler.set_stance("force_eager") if compiled else nullcontext():
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


def _handler(tracer: Tracer) -> Callable[..., Any]:
    """What torch's Python functions call for arguments that override them: straight to the tracer, past the mode's stack."""
    thread, rules, original = get_ident(), tracer.function_rules, torch.overrides.handle_torch_function

    def handle(function: Callable[..., Any], relevant: Any, *args: Any, **kwargs: Any) -> Any:
        if get_ident() != thread:
            return original(function, relevant, *args, **kwargs)
        rule = rules.get(function)
        return tracer.dispatch(function, args, kwargs) if rule is None else tracer.apply(rule, args, kwargs)

    return handle


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
