"""People's own ops: what a call of one costs, by a rule of theirs. Both ways of tracing ask here."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

import torch
from torch import nn
from torch.overrides import get_testing_overrides

from ..errors import ConvatlasError
from ..graph import TensorSpec
from ..graph.ops import Op
from ..graph.ops.custom import OpCost

OpRule: TypeAlias = "Callable[..., OpCost | Op]"


class Registered(NamedTuple):
    """A rule, the op's name in tables, where it was registered, and how it treats its arguments."""

    rule: OpRule
    name: str
    place: str
    writes: bool  # whether a call writes into its arguments


class Stated(NamedTuple):
    """What a rule said of one call, and the tensors that the call gets."""

    registered: Registered
    said: OpCost | Op
    tensors: Sequence[torch.Tensor]
    specs: list[TensorSpec]
    names: list[object]

    @property
    def outputs(self) -> tuple[TensorSpec, ...] | None:
        """The specs of the results; None where the rule leaves them to torch."""
        if isinstance(self.said, OpCost):
            return self.said.outputs
        made = self.said.output(*self.specs)
        return (made,) if isinstance(made, TensorSpec) else made

    @property
    def single(self) -> bool:
        """Whether it returns one tensor, and not a tuple of them."""
        return isinstance(self.said.output if isinstance(self.said, OpCost) else self.said.output(*self.specs), TensorSpec)

    def op(self, outputs: Sequence[TensorSpec]) -> Op:
        """The call as an op of a graph."""
        if isinstance(self.said, Op):
            return self.said
        return self.said.op(self.registered.name, self.specs, self.names, outputs)


_REGISTERED: dict[Any, Registered] = {}


def register_op(function_or_overload: object, rule: OpRule) -> Callable[[], None]:
    """Tell what a call of an op costs that convatlas does not know.

    The rule is called with the call's own arguments, a `TensorSpec` in place of each tensor, and returns an `OpCost`; or an op of
    ``convatlas.graph.ops``, if one of those is what is computed. A module's rule gets the module first; the module is then one call,
    whatever its forward does.

    Args:
        function_or_overload: a function or method of torch, an op of ``torch.ops`` or one of its overloads, what
            ``torch.library.custom_op`` returned, or a class of modules.
        rule: for a call of it.

    Returns:
        What takes the rule away again.

    Raises:
        ConvatlasError: it has a rule already, from here or of convatlas's own; or torch cannot tell when it is called.

    """
    targets = _targets(function_or_overload)
    for target in targets:
        if target in _REGISTERED:
            raise ConvatlasError(f"{_name_of(target)} has a rule already, registered at {_REGISTERED[target].place}")
        if _is_known(target):
            raise ConvatlasError(f"{_name_of(target)} has a rule of convatlas's own; `ca.cost` counts it")
    caller = sys._getframe(1)
    writes = any(isinstance(target, torch._ops.OpOverload) and target._schema.is_mutable for target in targets)
    registered = Registered(rule, _name_of(function_or_overload), f"{caller.f_code.co_filename}:{caller.f_lineno}", writes)
    _REGISTERED.update(dict.fromkeys(targets, registered))

    def remove() -> None:
        for target in targets:
            _REGISTERED.pop(target, None)

    return remove


def registered_for(target: Any) -> Registered | None:
    """What was registered for a function, an overload or a class of modules."""
    return _REGISTERED.get(target)


def registered_for_module(module: nn.Module) -> Registered | None:
    """What was registered for a module's class, or for one whose forward it has."""
    if not _REGISTERED:
        return None
    kind = type(module)
    found: Any = next((parent for parent in kind.__mro__ if parent in _REGISTERED), None)
    same = found is not None and kind.forward is found.forward and "forward" not in vars(module)
    return _REGISTERED[found] if same else None


def any_registered() -> bool:
    """Whether there is anything to look up."""
    return bool(_REGISTERED)


def stated(
    registered: Registered, args: Sequence[Any], kwargs: dict[str, Any], spec_of: Callable[[torch.Tensor], TensorSpec]
) -> Stated:
    """Ask a rule about a call. A module's parameters and buffers are tensors that its call gets.

    Raises:
        ConvatlasError: the rule fails, or returns something else.

    """
    tensors: list[torch.Tensor] = []
    specs: list[TensorSpec] = []
    names: list[object] = []

    def add(tensor: torch.Tensor, name: object = None) -> TensorSpec:
        spec = TensorSpec(*spec_of(tensor))  # an object of its own: the rule tells by it which tensor is saved
        tensors.append(tensor)
        specs.append(spec)
        names.append(spec if name is None else name)
        return spec

    told_args = [_with_specs(value, add) for value in args]
    told_kwargs = {key: _with_specs(value, add) for key, value in kwargs.items()}
    for module in args:
        if isinstance(module, nn.Module):
            for tensor in (*module.parameters(), *module.buffers()):
                add(tensor, tensor)
    try:
        said = registered.rule(*told_args, **told_kwargs)
    except Exception as error:
        raise ConvatlasError(
            f"the rule for {registered.name} ({registered.place}) fails: {type(error).__name__}: {error}"
        ) from error
    if not isinstance(said, OpCost | Op):
        raise ConvatlasError(
            f"the rule for {registered.name} ({registered.place}) returned {said!r:.60}; it has to return a ca.OpCost"
        )
    return Stated(registered, said, tensors, specs, names)


def _with_specs(tree: Any, spec_of: Callable[[torch.Tensor], TensorSpec]) -> Any:
    # a function that calls itself by its cell would hold the tensors until the garbage is collected
    if isinstance(tree, torch.Tensor):
        return spec_of(tree)
    if type(tree) in (list, tuple):
        return type(tree)([_with_specs(item, spec_of) for item in tree])
    return {key: _with_specs(item, spec_of) for key, item in tree.items()} if isinstance(tree, dict) else tree


def _targets(given: Any) -> list[Any]:
    """What a call of it is seen as: overloads, functions, a class."""
    given = getattr(given, "_opoverload", given)  # what custom_op returned
    packet = given.overloadpacket if isinstance(given, torch._ops.OpOverload) else given
    if isinstance(packet, torch._ops.OpOverloadPacket):  # a call of the packet is one of its only overload
        every = [getattr(packet, name) for name in packet.overloads()]  # type: ignore[no-untyped-call]
        return [packet, *every] if packet is given or len(every) == 1 else [given]
    if isinstance(given, type) and issubclass(given, nn.Module):
        return [given]
    if callable(given) and not isinstance(given, type) and given in get_testing_overrides():
        return [given]
    raise ConvatlasError(
        f"torch does not tell when {_name_of(given)} is called; register the op of torch.ops that it calls, a module that calls it, "
        "or make it an op by torch.library.custom_op"
    )


def _is_known(target: Any) -> bool:
    from .exact.overloads import known
    from .quick.functions import FUNCTION_RULES
    from .quick.modules import RULES

    return (
        target in FUNCTION_RULES
        or target in RULES
        or (isinstance(target, torch._ops.OpOverload) and known(target).rule is not None)
    )


def _name_of(given: Any) -> str:
    if isinstance(given, torch._ops.OpOverload):
        return str(given._schema.name).partition("::")[2]
    return str(getattr(given, "__name__", None) or getattr(given, "_name", None) or f"{given!r:.60}").rpartition("::")[2]
