"""Calls for which a person registered a rule: one node each, forward and backward, whatever torch would do in them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from ...graph import TensorSpec
from ...graph.ops import Custom, Gradient, Op
from ..network import TORCH_DTYPES
from ..register import Registered, Stated, any_registered, registered_for, stated
from .calls import Call, tensors
from .names import spec_of
from .recorder import Recorder
from .sheet import Place


@contextmanager
def own_functions(recorder: Recorder) -> Iterator[None]:
    """While inside, calls of registered functions are single nodes."""
    if not any_registered():
        yield
        return
    with _OwnFunctions(recorder):
        yield


class _OwnFunctions(TorchFunctionMode):
    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder

    def __torch_function__(self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None) -> Any:
        kwargs = kwargs or {}
        registered = registered_for(func)
        if registered is None:
            return func(*args, **kwargs)
        return one_call(self.recorder, registered, func, args, kwargs)


def one_call(
    recorder: Recorder, registered: Registered, run: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """Write a call down as its rule tells it; ``run`` is what the call does, for results that the rule leaves to torch."""
    call = stated(registered, args, kwargs, spec_of)
    if registered.writes and (targets := _written(run, args, kwargs, recorder)):
        _write_into(recorder, call, targets)
        return None
    written = _Written(recorder, call, recorder.place(), lambda: run(*args, **kwargs))
    made = _Call.apply(written, *call.tensors)
    written.name(made if isinstance(made, tuple) else (made,))
    return made[0] if written.single else made


def _written(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], recorder: Recorder) -> list[torch.Tensor]:
    """The tensors that a call of an op writes into and does not return."""
    overload = func if isinstance(func, torch._ops.OpOverload) else getattr(func, func.overloads()[0])
    return [] if overload._schema.returns else Call(overload, args, kwargs, (), recorder.names).written


def _write_into(recorder: Recorder, call: Stated, targets: list[torch.Tensor]) -> None:
    op = call.op(list(map(spec_of, targets)))
    if isinstance(op, Custom):
        order = [*targets, *(tensor for tensor in call.tensors if all(tensor is not target for target in targets))]
        places = {id(tensor): place for place, tensor in enumerate(order)}
        op = op.replace(in_place=True, saved_inputs=tuple([places[id(call.tensors[place])] for place in op.saved_inputs]))
    recorder.write_into(op, targets, call.tensors, recorder.place())


class _Written:
    """One call: what is to be written down of it, and when."""

    def __init__(self, recorder: Recorder, call: Stated, place: Place, run: Callable[[], Any]) -> None:
        self.recorder, self.call, self.place, self.run = recorder, call, place, run
        self.single = call.single if call.outputs is not None else False
        self.op: Op
        self.outputs: list[TensorSpec]
        self.node = -1
        self.kept: list[torch.Tensor] = []  # made for backward alone

    def forward(self) -> tuple[torch.Tensor, ...]:
        """The results; nothing is written down yet."""
        with self.recorder.pause():
            if self.call.outputs is None:
                result = self.run()
                self.single = isinstance(result, torch.Tensor)
                results = tuple(tensors((result,)))
            else:
                results = tuple(map(self._empty, self.call.outputs))
            self.outputs = list(map(spec_of, results))
            self.op = self.call.op(self.outputs)
            needs = [tensor.requires_grad for tensor in self.call.tensors]
            self.kept = list(map(self._empty, self.op.kept(self.call.specs, self.outputs, needs).extra))
        return results

    def saved(self, results: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """What backward keeps of what the call got and made."""
        kept = self.op.kept(self.call.specs, self.outputs, [tensor.requires_grad for tensor in self.call.tensors])
        return [*(self.call.tensors[place] for place in kept.inputs), *(results[place] for place in kept.outputs)]

    def name(self, results: tuple[torch.Tensor, ...]) -> None:
        """Write the call down, which made these tensors."""
        self.node = self.recorder.write(self.op, self.call.tensors, results, self.place, self.kept)

    def backward(self, gradients: Sequence[torch.Tensor], saved: Sequence[torch.Tensor], wanted: tuple[bool, ...]) -> list[Any]:
        """The gradients of the inputs, written down as one call."""
        op = Gradient(self.op, tuple(self.call.specs), tuple(self.outputs), wanted)
        with self.recorder.pause():
            made = [self._empty(spec) if want else None for spec, want in zip(self.call.specs, wanted, strict=True)]
        place = Place(self.place.module, True, 0, self.node)
        self.recorder.write(op, [*gradients, *saved], [each for each in made if each is not None], place)
        return made

    def _empty(self, spec: TensorSpec) -> torch.Tensor:
        device = self.call.tensors[0].device if self.call.tensors else None
        return torch.empty(spec.shape, dtype=TORCH_DTYPES[spec.dtype], device=device)


class _Call(torch.autograd.Function):
    """What autograd sees of a call."""

    @staticmethod
    def forward(ctx: Any, written: _Written, *inputs: torch.Tensor) -> Any:
        results = written.forward()
        ctx.written = written
        ctx.save_for_backward(*written.saved(results))
        return results

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> Any:
        return None, *ctx.written.backward(gradients, ctx.saved_tensors, tuple(ctx.needs_input_grad[1:]))
