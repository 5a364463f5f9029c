"""The recorder: sees each op that torch's dispatcher carries out, and writes it down."""

from __future__ import annotations

from typing import Any

import torch
from torch._subclasses.fake_tensor import DataDependentOutputException, DynamicOutputShapeException
from torch.utils._python_dispatch import TorchDispatchMode

from ...graph import Graph, TensorSpec
from ...graph.ops import Assign, Fill, Op, Uncounted
from .calls import Call
from .names import Family, Name, Names, Place, Side, ViewCall, spec_of
from .overloads import Overload, known
from .values import Values

_prim, _aten = torch.ops.prim, torch.ops.aten
# questions about a tensor, and requests that change nothing
_PASSED_ON = frozenset({
    _prim.device.default, _prim.layout.default, _aten.is_same_size.default, _aten.sym_size.default, _aten.sym_stride.default,
    _aten.sym_numel.default, _aten.sym_storage_offset.default, _aten.size.default, _aten.stride.default,
    _aten.is_contiguous.default, _aten.is_strides_like_format.default, _aten.is_non_overlapping_and_dense.default,
    _aten.record_stream.default,
})  # fmt: skip


class Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch's own __init_subclass__
    """Writes ATen ops down as nodes of a graph. It lies on a FakeTensorMode, which carries them out."""

    def __init__(self, graph: Graph, values: Values) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.graph, self.values = graph, values
        self.names = Names(graph)
        self.module = ""  # path of the module that is at work
        self.region = 0  # of the activation checkpoint that is at work; 0 is none
        self.paused = False

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None) -> Any:
        kwargs = kwargs or {}
        if self.paused or func in _PASSED_ON:
            return func(*args, **kwargs)
        overload = known(func)
        if overload.composite:
            with self:
                return func.decompose(*args, **kwargs)
        try:
            result = func(*args, **kwargs)
        except (DataDependentOutputException, DynamicOutputShapeException):
            result = self.values.answer(func, args, kwargs)
        else:
            self.values.follow(func, overload, args, kwargs, result)
        self._record(overload, Call(func, args, kwargs, result, self.names))
        return result

    @property
    def place(self) -> Place:
        """Where in the network the code is."""
        return Place(self.module, not torch.is_grad_enabled(), self.region)

    def _record(self, overload: Overload, call: Call) -> None:
        names, place = self.names, self.place
        if overload.is_view:
            self._view(call, place)
            return
        outputs = call.outputs
        if not outputs:
            return
        op, inputs = self._op(overload, call)
        if overload.in_place or (overload.into and names.known(outputs[0])):
            target = outputs[0]
            name = names.name(target)
            before = names.current(name)
            (value,) = names.emit(op, inputs, [names.graph.values[before]], place)
            if place.no_grad and target.requires_grad:
                names.release(value)  # autograd does not see it: the tensor stays what it was
            else:
                names.written(name, value, place)
            return
        specs = [spec_of(output) for output in outputs]
        if isinstance(op, Fill) and not specs[0].numel:  # scratch that a kernel asks for, most often
            seen = ViewCall(op, None, place, specs, [])
            seen.names.append(Name(-1, Family(), seen))
            names.give(outputs[0], seen.names[0])
            return
        count = self._own_outputs(op, inputs, len(specs))
        node = len(self.graph.nodes)
        values = names.emit(op, inputs, specs[:count], place)
        for output, value in zip(outputs, values, strict=False):
            if not names.known(output):
                names.give(output, Name(value, Family()))
        for output, spec in zip(outputs[count:], specs[count:], strict=True):
            names.give(output, Name(-1, Family(), Side(node, spec)))

    def _own_outputs(self, op: Op, inputs: tuple[int, ...], count: int) -> int:
        """How many outputs an op has by its own account; torch's kernels return statistics and indices beside them."""
        if count == 1:
            return 1
        told = op.output(*self.graph.specs(inputs))
        return 1 if isinstance(told, TensorSpec) else len(told)

    def _op(self, overload: Overload, call: Call) -> tuple[Op, tuple[int, ...]]:
        """What a call is in the graph, and its inputs there."""
        names = self.names
        if overload.rule is None:
            outputs = tuple([(spec.shape, spec.dtype) for spec in map(spec_of, call.outputs)])
            made: Any = Uncounted(call.function, outputs)
        else:
            made = overload.rule(call)
        op, given = made if isinstance(made, tuple) else (made, call.inputs)
        if overload.in_place and not op.in_place:
            if hasattr(op, "in_place") and "in_place" in op.__slots__:
                op = op.replace(in_place=True)
            else:
                op, given = Assign(spec_of(call.inputs[0]).shape), call.inputs
        return op, tuple([names.current(each) if isinstance(each, Name) else names.value(each) for each in given])

    def _view(self, call: Call, place: Place) -> None:
        names, outputs = self.names, call.outputs
        fresh = [output for output in outputs if not names.known(output)]
        if not fresh:
            return  # the tensor itself
        op = known(call.overload).rule(call)  # type: ignore[misc]
        assert isinstance(op, Op)
        parent = names.name(call.inputs[0])
        seen = ViewCall(op, parent, place, [spec_of(output) for output in outputs], [])
        family = parent.family if op.differentiable else Family()
        for output in outputs:
            name = Name(-1, family, seen)
            seen.names.append(name)
            names.give(output, name)
