"""Calls of functions and modules for which a person registered a rule."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import nn

from ..register import Registered, stated

if TYPE_CHECKING:
    from .tracer import Tracer


def own_call(t: Tracer, registered: Registered, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Write a call down as its rule tells it.

    Raises:
        Unsure: the rule leaves the results to torch.

    """
    if registered.writes:
        raise t.unsure(f"{registered.name}, which writes into its arguments")
    call = stated(registered, args, kwargs, lambda tensor: t.values[t.number(tensor)])
    if call.outputs is None:
        raise t.unsure(f"what {registered.name} returns, which its rule leaves to torch")
    made = t.emit_many(call.op(call.outputs), *call.tensors)
    return made[0] if call.single else made


def own_rule(registered: Registered) -> Any:
    """The rule for a module's class, as `modules` has them."""

    def rule(t: Tracer, module: nn.Module, *args: Any, **kwargs: Any) -> Any:
        return own_call(t, registered, (module, *args), kwargs)

    return rule
