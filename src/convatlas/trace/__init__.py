"""torch module -> Graph. No kernel runs, nothing is allocated, and the caller's module stays as it was."""

from __future__ import annotations

from torch import nn
from torch.nn.modules.lazy import LazyModuleMixin

from ..errors import ConvatlasError
from ..graph import Graph, TensorSpec
from ..graph.ops import TooSmallError
from ..inputs import Inputs, InputsLike
from .arguments import arguments, dtype_of_network, traced_at
from .errors import DataDependentError, ForwardError, InputTooSmallError, TraceError
from .lazy import has_lazy_parts, with_shapes
from .network import Modules
from .quick.alone import alone
from .ways import AUTO, checked, traced

__all__ = ["DataDependentError", "InputTooSmallError", "TraceError", "trace"]

_LARGEST_TRIED = 2048


def trace(model: nn.Module, inputs: InputsLike, *, training: bool = False, way: str = AUTO) -> Graph:
    """The graph of one forward pass.

    Args:
        model: any module, on any device or ``meta``. It is left as it was: mode, attributes, hooks, statistics, random state.
            Other threads may run, train or compile networks meanwhile.
            A module that is not part of it (made on the way, or kept in a plain list) runs as Python would run it, and its ops
            bear the path of the module that calls it.
        inputs: the input's shape with its batch axis, as (1, 3, 224, 224); or several shapes, for several inputs; or a
            mapping from keyword to shape. Where the network takes a list or a mapping of tensors, so may be the shapes. A
            `TensorSpec` or a tensor stands for its shape and dtype. The dtype of a bare shape is that of the network's first
            floating or complex parameter, and int64 where that is looked up. What is no tensor is passed on; see `Inputs`.
        training: trace the forward pass of training (batch statistics, dropout, auxiliary heads) or of evaluation.
        way: "quick" (rules for functions and leaf modules, milliseconds), "exact" (each op that torch's dispatcher carries out,
            tenths of a second), or "auto": quick, and exact where that meets what it does not know (`Graph.way`, `Graph.why`).

    Raises:
        InputTooSmallError: names the layer, the size that it got, and the least input that works.
        DataDependentError: the forward pass branches on a tensor's values; names the line.
        TraceError: anything else that the forward pass raised, with the layer's path; the cause is chained.

    """
    if not isinstance(model, nn.Module):
        raise TraceError(f"expected an nn.Module, got {type(model).__name__} {model!r:.80}")
    checked(way)
    if "_orig_mod" in (submodules := vars(model).get("_modules", {})):  # a compiled module wraps the one it was made of
        model = submodules["_orig_mod"]
    with alone():
        modules = Modules.of(model)
        given, dtype = arguments(model, inputs), dtype_of_network(modules)
        try:
            return traced_at(given, dtype, lambda typed: _traced(modules, typed, training, way))
        except ForwardError as failure:
            raise _told(failure, modules, given.typed(lambda place: dtype), training, way) from failure.error


def _traced(modules: Modules, given: Inputs, training: bool, way: str) -> Graph:
    """The graph of one forward pass; lazy layers have the shapes that these inputs give them."""
    if any(issubclass(kind, LazyModuleMixin) for kind in set(modules.kinds)) and has_lazy_parts(modules.root):
        modules = Modules.of(with_shapes(modules.root, given, training))
    return traced(modules, given, training, way)


def _told(failure: ForwardError, modules: Modules, given: Inputs, training: bool, way: str) -> TraceError:
    """What a forward pass raised, as an error that says where, why and at which input."""
    error, place = failure.error, failure.place
    if isinstance(error, TooSmallError):
        least = _least_input(modules, given, training, way)
        return InputTooSmallError(f"{place}: {error}{least}; the input was {_shown(given)}")
    if isinstance(error, TraceError):
        return type(error)(f"{place}: {error}")
    reason = str(error).partition("\n")[0] or "no message"
    kind = "" if type(error) in (ValueError, ConvatlasError) else f"{type(error).__name__}: "
    return TraceError(f"{place}: {kind}{reason}; the input was {_shown(given)}")


def _shown(given: Inputs) -> str:
    return ", ".join([str(spec).removesuffix(" float32") for spec in given.specs()])


def _least_input(modules: Modules, given: Inputs, training: bool, way: str) -> str:
    """Find the least square input that traces, by trying: the layers know only their own sizes."""
    specs = given.specs()
    if len(specs) != 1 or len(specs[0].shape) != 4:
        return ""

    def works(side: int) -> bool:
        try:
            resized = given.mapped(lambda spec, tensor: TensorSpec((*spec.shape[:2], side, side), spec.dtype))
            _traced(modules, resized, training, way)
        except ForwardError:
            return False
        return True

    low, high = 0, 1
    while not works(high):
        low, high = high, high * 2
        if high > _LARGEST_TRIED:
            return ""
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if works(middle) else (middle, high)
    return f"; the least input that works is {high}x{high}"
