"""What is redirected inside torch while a trace runs, for this thread only."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

import torch
import torch.utils.checkpoint
from torch import nn
from torch.autograd.function import Function
from torch.nn.utils import parametrize

if TYPE_CHECKING:
    from .tracer import Tracer

_MISSING = object()
_SETTINGS = ("use_reentrant", "preserve_rng_state", "context_fn", "determinism_check", "debug", "early_stop",
             "respect_saved_tensors_hooks")  # fmt: skip # of torch.utils.checkpoint, none of which changes the forward


@contextmanager
def redirected(tracer: Tracer) -> Iterator[None]:
    """While inside, this thread's calls of modules, checkpoints and custom autograd functions go to the tracer.

    Other threads find torch as it is: every replacement asks first which thread calls it.
    """
    thread = threading.get_ident()
    call: Callable[..., Any] = tracer.call
    module_call: Callable[..., Any] = nn.Module._call_impl

    def call_impl(module: nn.Module, *args: Any, **kwargs: Any) -> Any:
        if threading.get_ident() != thread:
            return module_call(module, *args, **kwargs)
        return call(module, *args, **kwargs)

    native_apply = next(vars(kind)["apply"] for kind in Function.__mro__ if "apply" in vars(kind))

    class Apply:
        """Descriptor in the place of ``Function.apply``: a method of each class, as the original is."""

        def __get__(self, instance: Any, owner: Any) -> Callable[..., Any]:
            if threading.get_ident() != thread:
                return native_apply.__get__(instance, owner)  # type: ignore[no-any-return]
            return lambda *args, **kwargs: tracer.custom_function(owner, args, kwargs)

    with ExitStack() as stack:
        stack.enter_context(_replaced(nn.Module, "_call_impl", call_impl))
        stack.enter_context(_replaced(Function, "apply", Apply()))
        stack.enter_context(_replaced(torch._C.ScriptFunction, "__call__", _scripted_call(thread)))
        for owner, name, replacement in _checkpoint_replacements(tracer, thread):
            stack.enter_context(_replaced(owner, name, replacement))
        if parametrize._cache_enabled:  # what it keeps for the caller is not to be a stand-in
            stack.enter_context(_replaced(parametrize, "_cache", {}))
        # functions under torch.compile are to run their Python code
        compiled = "torch._dynamo" in sys.modules
        stack.enter_context(torch.compiler.set_stance("force_eager") if compiled else nullcontext())
        yield


def _scripted_call(thread: int) -> Callable[..., Any]:
    """A scripted function's call: by the Python function that it was made of, which alone can be followed."""
    compiled = vars(torch._C.ScriptFunction)["__call__"]

    def call(function: Any, *args: Any, **kwargs: Any) -> Any:
        if threading.get_ident() != thread:
            return compiled.__get__(function)(*args, **kwargs)
        return function._torchdynamo_inline(*args, **kwargs)

    return call


def _checkpoint_replacements(tracer: Tracer, thread: int) -> list[tuple[Any, str, Any]]:
    """Activation checkpoints become regions of the graph; the checkpointed function runs once, as any other code."""
    home = torch.utils.checkpoint
    original = home.checkpoint.__wrapped__  # type: ignore[attr-defined]
    # what torch calls in place of `original`, so as to keep dynamo away; made at the first call
    undisturbed = getattr(original, "__dynamo_disable", original)

    def checkpoint(*args: Any, **kwargs: Any) -> Any:
        if threading.get_ident() != thread:
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
            if threading.get_ident() != thread:
                return decorated(function, args, kwargs, **settings)
            return tracer.in_region(function, args, kwargs)

        replacements.append((home, "_checkpoint_impl", checkpoint_impl))
    return replacements


@contextmanager
def _replaced(owner: Any, name: str, replacement: Any) -> Iterator[None]:
    """While inside, ``owner.name`` is the replacement; afterwards it is what it was, be that absent or inherited."""
    before = vars(owner).get(name, _MISSING)
    setattr(owner, name, replacement)
    try:
        yield
    finally:
        if before is _MISSING:
            delattr(owner, name)
        else:
            setattr(owner, name, before)
