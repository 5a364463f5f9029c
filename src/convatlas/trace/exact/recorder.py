"""The recorder: sees each op that torch's dispatcher carries out, and writes it down."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch._ops import HigherOrderOperator
from torch._subclasses.fake_tensor import (
    DataDependentOutputException,
    DynamicOutputShapeException,
    FakeTensor,
    UnsupportedOperatorException,
)
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes

from ...graph import TensorSpec
from ...graph.ops import Activation, Assign, Cast, Fill, Gradient, Op, Uncounted
from ...graph.ops.stated import plain
from ...graph.strides import Strides
from ...graph.training import BACKWARD, FORWARD
from ..errors import TraceError, user_line
from .calls import Call
from .checkpoints import Checkpoints
from .fake import AS_REAL
from .names import Family, Name, Names, Side, ViewCall, spec_of
from .overloads import Overload, known
from .sheet import Place, Sheet
from .values import Values

_prim, _aten = torch.ops.prim, torch.ops.aten
# questions about a tensor, and requests that change nothing
_PASSED_ON = frozenset({
    _prim.device.default, _prim.layout.default, _aten.is_same_size.default, _aten.sym_size.default, _aten.sym_stride.default,
    _aten.sym_numel.default, _aten.sym_storage_offset.default, _aten.size.default, _aten.stride.default,
    _aten.is_contiguous.default, _aten.is_strides_like_format.default, _aten.is_non_overlapping_and_dense.default,
    _aten.record_stream.default,
})  # fmt: skip


class Origin(NamedTuple):
    """The call whose gradient a node of autograd's graph makes."""

    function: str
    op: Op
    given: tuple[TensorSpec, ...]
    lay: tuple[Strides, ...]  # how what was given lay
    made: tuple[TensorSpec, ...]
    module: str
    node: int  # its position in the network's graph; -1 for one of the loss, or of what a checkpoint computes again


class Kept(NamedTuple):
    """What autograd holds of a tensor: how it sees its storage, and what the graph calls it."""

    storage: torch.UntypedStorage
    dtype: torch.dtype
    size: torch.Size
    stride: tuple[int, ...]
    offset: int
    device: torch.device
    name: Name


class Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch's own __init_subclass__
    """Writes ATen ops down as nodes of a graph. It lies on a FakeTensorMode, which carries them out."""

    supports_higher_order_operators = True  # so that it is asked, and can say that it follows none

    def __init__(self, sheet: Sheet, values: Values) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.sheet, self.values = sheet, values
        self.names = Names(sheet)
        self.module = ""  # path of the module that is at work
        self._checkpoints = Checkpoints()
        self._paused = False
        self._sides: list[Name] = []  # of a step, which tells what is kept
        self._origins: dict[int, Origin] = {}  # sequence number of autograd's node -> the call that made it
        self._numbered = torch._C._autograd._get_sequence_nr()  # so many of autograd's nodes were numbered

    @contextmanager
    def pause(self) -> Iterator[None]:
        """While inside, nothing is written down."""
        before, self._paused = self._paused, True
        try:
            yield
        finally:
            self._paused = before

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None) -> Any:
        kwargs = kwargs or {}
        if self._paused or func in _PASSED_ON:
            return func(*args, **kwargs)
        if isinstance(func, HigherOrderOperator):
            raise TraceError(
                f"the branches of torch.{func._name} at {user_line()} depend on data, or are compiled; call one of them"
            )
        overload = known(func)
        if overload.composite:
            with self:
                return func.decompose(*args, **kwargs)
        loaded = len(sys.modules)
        try:
            result = func(*args, **kwargs)
        except (DataDependentOutputException, DynamicOutputShapeException):
            result = self.values.answer(func, args, kwargs)
        except (RuntimeError, UnsupportedOperatorException) as error:
            if not isinstance(error, UnsupportedOperatorException) and "fake impl" not in str(error):
                raise
            raise TraceError(
                f"torch has no fake kernel of {func}, which would tell what it returns, at {user_line()}; "
                "write one (torch.library.register_fake), or tell it by convatlas.register_op"
            ) from error
        else:
            self.values.follow(func, overload, args, kwargs, result)
        if len(sys.modules) > loaded:  # an import's cycles hold the frames below it, and so tensors that the code lets go of
            gc.collect(1)
        call = Call(func, args, kwargs, result, self.names)
        if func in AS_REAL:
            call.result = result = AS_REAL[func](call)
        self._record(overload, call)
        return result

    def keep(self, tensor: torch.Tensor) -> torch.Tensor | Kept:
        """What autograd is to hold in a tensor's place: not the tensor, so that it is seen when Python lets that one go."""
        key = id(tensor)
        self.sheet.keep(tensor)
        if key not in self.names.references:  # a parameter, or what has no name
            return tensor
        size, stride, offset = tensor.size(), tensor.stride(), int(tensor.storage_offset())
        return Kept(tensor.untyped_storage(), tensor.dtype, size, stride, offset, tensor.device, self.names.of_tensor[key])

    def kept(self, held: torch.Tensor | Kept) -> torch.Tensor:
        """What autograd gets for what it held."""
        if isinstance(held, torch.Tensor):
            return held
        with _disable_current_modes():
            empty = torch.empty((0,), dtype=held.dtype, device="meta")
            empty.set_(held.storage, held.offset, held.size, held.stride)
            tensor = FakeTensor(self.values.fake_mode, empty, held.device)
        self.names.lend(tensor, held.name)
        return tensor

    def write_sides(self) -> None:
        """Write down all results that no op tells of: a step keeps them for backward."""
        for name in self._sides:
            self.names.current(name)
        self._sides.clear()

    def place(self) -> Place:
        """Where in the network, or in its backward pass, the code is."""
        if self.sheet.phase == BACKWARD:
            node = torch._C._current_autograd_node()
            if node is None or not torch.is_grad_enabled():
                origin = self._origin()
                return Place("", True, 0) if origin is None else Place(origin.module, True, 0, origin.node)
            return Place(self.module, False, 0, again=True)
        region, reentrant = self._checkpoints.at_work()
        return Place(self.module, not (torch.is_grad_enabled() or reentrant), region)

    def _origin(self) -> Origin | None:
        """The call whose gradient autograd works at."""
        node = torch._C._current_autograd_node()
        return None if node is None else self._origins.get(node._sequence_nr())

    def _record(self, overload: Overload, call: Call) -> None:
        names, sheet, place, outputs = self.names, self.sheet, self.place(), call.outputs
        dense = all(tensor.layout is torch.strided for tensor in (*call.inputs, *outputs))
        if not dense:  # how much there is to compute depends on which elements there are
            overload = overload._replace(rule=None, is_view=False)
        if overload.is_view:
            self._view(overload, call, place)
            return
        if not outputs:
            made = list(map(spec_of, call.written))
            self.write_into(Uncounted(call.function, plain(made), in_place=True), call.written, call.inputs, place)
            return
        if overload.view_in_place and overload.rule is not None:
            self._view_in_place(overload.rule(call), outputs[0], place)
            return
        op, inputs = self._op(overload, call)
        specs = list(map(spec_of, outputs))
        inputs = self._promoted(op, inputs, specs[0], place)
        self._made(call.function, op, inputs, specs, place, sheet.position)
        if overload.in_place or (overload.into and names.known(outputs[0])):
            target = outputs[0]
            (value,) = sheet.add_node(op, inputs, [sheet.result(target, specs[0])], place)
            if place.no_grad and target.requires_grad:
                sheet.release(value)  # autograd does not see it: the tensor stays what it was
            else:
                names.written(names.name(target), value, place)
            return
        results = [sheet.result(output, spec) for output, spec in zip(outputs, specs, strict=True)]
        if isinstance(op, Fill) and not specs[0].numel:  # scratch that a kernel asks for, most often
            self._call_later(ViewCall(op, None, place, results, []), outputs, Family())
            return
        count, node = self._own_outputs(op, inputs, len(specs)), sheet.position
        for output, value in zip(outputs, sheet.add_node(op, inputs, results[:count], place), strict=False):
            if not names.known(output):
                names.give(output, Name(value, Family()))
        for output, result in zip(outputs[count:], results[count:], strict=True):
            name = Name(-1, Family(), Side(node, result))
            names.give(output, name)
            if sheet.step is not None:
                self._sides.append(name)

    def write(
        self, op: Op, given: Sequence[torch.Tensor], made: Sequence[torch.Tensor], place: Place, kept: Sequence[torch.Tensor] = ()
    ) -> int:
        """Write down a call that the dispatcher did not carry out, and what it made for backward beside; returns its position."""
        names, sheet = self.names, self.sheet
        inputs = tuple(map(names.value, given))
        node = sheet.position
        values = sheet.add_node(op, inputs, [sheet.result(tensor, spec_of(tensor)) for tensor in made], place)
        for tensor, value in zip(made, values, strict=True):
            names.give(tensor, Name(value, Family()))
        if sheet.step is not None:
            for tensor in kept:
                names.give(tensor, side := Name(-1, Family(), Side(node, sheet.result(tensor, spec_of(tensor)))))
                self._sides.append(side)
            self._numbered = torch._C._autograd._get_sequence_nr()
        return node

    def _made(self, function: str, op: Op, inputs: tuple[int, ...], made: list[TensorSpec], place: Place, node: int) -> None:
        """Note which call made the nodes of autograd's graph that are new: the last one, and one that was waiting for this call.

        Autograd makes the node of a call in place before that of the clone which it keeps, and calls the clone first.
        """
        if self.sheet.step is None or (self.sheet.phase == BACKWARD and place.no_grad):
            return
        given = [self.sheet.result_of(value) for value in inputs]
        specs, lay = tuple([each.spec for each in given]), tuple([each.strides for each in given])
        origin = Origin(function, op, specs, lay, tuple(made), place.module, node if self.sheet.phase == FORWARD else -1)
        before, self._numbered = self._numbered, torch._C._autograd._get_sequence_nr()
        if self._numbered > before:
            self._origins[self._numbered - 1] = origin
        elif op.in_place:
            self._origins.setdefault(before - 2, origin)

    def _own_outputs(self, op: Op, inputs: tuple[int, ...], count: int) -> int:
        """How many outputs an op has by its own account; torch's kernels return statistics and indices beside them."""
        if count == 1:
            return 1
        told = op.output(*map(self.sheet.values.__getitem__, inputs))
        return 1 if isinstance(told, TensorSpec) else len(told)

    def _op(self, overload: Overload, call: Call) -> tuple[Op, tuple[int, ...]]:
        """What a call is in the graph, and its inputs there."""
        names = self.names
        made: Any = overload.rule(call) if overload.rule is not None else self._without_rule(call)
        op, given = made if isinstance(made, tuple) else (made, call.inputs)
        if isinstance(op, Uncounted):  # a rule that knows some calls only
            op = self._without_rule(call)
        if overload.in_place and not op.in_place:
            if "in_place" in op.__slots__:
                op = op.replace(in_place=True)
            else:
                op, given = Assign(spec_of(call.inputs[0]).shape), call.inputs
        return op, tuple([names.current(each) if isinstance(each, Name) else names.value(each) for each in given])

    def _without_rule(self, call: Call) -> Op:
        """The op of a call that no rule knows: a gradient of a known one, or uncounted."""
        specs = list(map(spec_of, call.outputs))
        origin = self._origin() if self.sheet.phase == BACKWARD else None
        if origin is None or not _is_gradient(call.function, origin):
            return Uncounted(call.function, plain(specs))
        wanted, left = [], specs
        for spec in origin.given:
            wanted.append(bool(left) and spec == left[0])
            left = left[1:] if wanted[-1] else left
        return Gradient(origin.op, origin.given, origin.made, tuple(wanted), origin.lay)

    def _view(self, overload: Overload, call: Call, place: Place) -> None:
        outputs = call.outputs
        if all(map(self.names.known, outputs)):
            return  # the tensor itself
        assert overload.rule is not None
        op = overload.rule(call)
        assert isinstance(op, Op)
        parent = self.names.name(call.inputs[0])
        specs = list(map(spec_of, outputs))
        self._made(call.function, op, (), specs, place, -1)
        results = [self.sheet.result(output, spec) for output, spec in zip(outputs, specs, strict=True)]
        self._call_later(ViewCall(op, parent, place, results, []), outputs, parent.family if op.differentiable else Family())

    def _view_in_place(self, op: Any, tensor: torch.Tensor, place: Place) -> None:
        """A tensor that becomes a view of what it was, as by `transpose_`."""
        old = self.names.name(tensor)
        call = ViewCall(op, old, place, [self.sheet.result(tensor, spec_of(tensor))], [])
        call.names.append(Name(-1, old.family if op.differentiable else Family(), call))
        self.names.rename(tensor, call.names[0])

    def write_into(self, op: Op, targets: Sequence[torch.Tensor], inputs: Sequence[torch.Tensor], place: Place) -> None:
        """Write down a call that returns nothing and writes into these of its inputs."""
        if not targets:
            return
        names, sheet, specs = self.names, self.sheet, list(map(spec_of, targets))
        others = [tensor for tensor in inputs if all(tensor is not target for target in targets)]
        given = tuple(map(names.value, (*targets, *others)))
        results = [sheet.result(target, spec) for target, spec in zip(targets, specs, strict=True)]
        for target, value in zip(targets, sheet.add_node(op, given, results, place), strict=True):
            names.written(names.name(target), value, place)

    def _promoted(self, op: Op, inputs: tuple[int, ...], result: TensorSpec, place: Place) -> tuple[int, ...]:
        """A function's inputs, in the dtype that a number beside a tensor gives: whole numbers times 0.5 are fractional."""
        if not isinstance(op, Activation) or op.in_place or op.output(self.sheet.values[inputs[0]]).dtype == result.dtype:
            return inputs
        before = self.sheet.result_of(inputs[0])
        return self.sheet.add_node(
            Cast(result.dtype), inputs[:1], [before._replace(spec=TensorSpec(before.spec.shape, result.dtype))], place
        )

    def _call_later(self, call: ViewCall, outputs: list[torch.Tensor], family: Family) -> None:
        """Name the outputs of a call that becomes a node when one of them is read."""
        for output in outputs:
            name = Name(-1, family, call)
            call.names.append(name)
            self.names.give(output, name)


_PRODUCTS = ("attention", "rnn", "lstm", "gru", "conv", "linear")


def _is_gradient(function: str, of: Origin) -> bool:
    """Whether a torch op that makes a gradient makes that of a call; what autograd works at may be a function of the caller's own.

    Where neither multiplies, it is no matter: they have their own names (threshold_backward is relu's).
    """
    if "backward" not in function and function != of.function:
        return False
    if not of.op.multiplies and not any(name in function for name in _PRODUCTS):
        return True
    return function.strip("_").startswith(of.function.strip("_"))
