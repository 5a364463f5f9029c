"""What a network's forward is called with: by position and by name, with a dtype for each bare shape."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping

from torch import nn

from ..graph import Graph
from ..inputs import Inputs, InputsLike
from .errors import ForwardError
from .network import DTYPES, Modules

# how convatlas and torch's kernels say that they look something up
_WANTS_WHOLE = re.compile(r"\b(whole numbers|long|int64|integer|LongTensor|used as indices)\b", re.IGNORECASE)


def arguments(model: nn.Module, inputs: InputsLike) -> Inputs:
    """The inputs as forward takes them.

    A name of an argument that goes by position alone is put there, and a mapping at the end stands for arguments by name where
    forward takes no such argument.
    """
    given = Inputs.of(inputs)
    *before, last = given.args or (None,)
    if not given.kwargs and not isinstance(last, Mapping):
        return given
    try:
        signature = inspect.signature(model.forward)
    except (TypeError, ValueError):
        return given
    args, kwargs = list(given.args), dict(given.kwargs)
    if isinstance(last, Mapping) and all(isinstance(name, str) for name in last) and not _fits(signature, given):
        spread = Inputs(*before, **{**last, **kwargs})
        if _fits(signature, spread):
            return spread
    for place, (name, argument) in enumerate(signature.parameters.items()):
        if argument.kind is inspect.Parameter.POSITIONAL_ONLY and place == len(args) and name in kwargs:
            args.append(kwargs.pop(name))
    return Inputs(*args, **kwargs)


def _fits(signature: inspect.Signature, given: Inputs) -> bool:
    try:
        signature.bind(*given.args, **given.kwargs)
    except TypeError:
        return False
    return True


def dtype_of_network(modules: Modules) -> str:
    """The dtype of the first floating or complex parameter: what a network of images or waves reads."""
    of_numbers = (p.dtype for p in modules.parameters.tensors if p.dtype.is_floating_point or p.dtype.is_complex)
    return DTYPES.get(next(of_numbers, None), "float32")  # type: ignore[arg-type]


def traced_at(given: Inputs, dtype: str, trace: Callable[[Inputs], Graph]) -> Graph:
    """The graph with bare shapes of ``dtype``, and of int64 where that turns out to be looked up.

    Raises:
        ForwardError: the forward pass fails whichever of them are whole numbers; it is the first failure.

    """
    try:
        return trace(given.typed(lambda place: dtype))
    except ForwardError as failure:
        first = last = failure
    bare = [place for place, spec in enumerate(given.specs("")) if not spec.dtype]
    chosen: set[int] = set()
    for tried in [*({place} for place in bare), set(bare)]:
        if not _WANTS_WHOLE.search(str(last.error)):
            break
        try:
            return trace(given.typed(_looked_up_at(whole := chosen | tried, dtype)))
        except ForwardError as failure:
            if _said(failure) != _said(last):  # it came further, or fails otherwise
                chosen, last = whole, failure
    raise first


def _said(failure: ForwardError) -> tuple[str, str]:
    return failure.place, str(failure.error)


def _looked_up_at(whole: set[int], dtype: str) -> Callable[[int], str]:
    return lambda place: "int64" if place in whole else dtype
