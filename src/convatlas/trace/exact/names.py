"""What the graph calls each tensor: values, what is a view of what, and when each is let go."""

from __future__ import annotations

import weakref
from functools import lru_cache
from typing import NamedTuple

import torch

from ...graph import TensorSpec
from ...graph.ops import Insert, Op, Permute, Slice, Split, View
from ...graph.spec import ITEM_BYTES
from ...graph.strides import Strides, normal
from ..errors import TraceError
from ..network import DTYPES
from .sheet import Place, Result, Sheet


class Family:
    """Tensors that see one another's elements as autograd follows them: a base, and views of it.

    ``version`` counts what was written into them.
    """

    __slots__ = ("version",)

    def __init__(self) -> None:
        self.version = 0


class ViewCall(NamedTuple):
    """A view that was taken: it becomes a node when it is first read, and another one when it is read after its base was written."""

    op: Op
    parent: Name | None  # None: it is made of nothing
    place: Place
    results: list[Result]
    names: list[Name]  # of its outputs


class Side(NamedTuple):
    """A result of a call that its op does not tell of (a pooling's indices): it joins the node's outputs when it is first read."""

    node: int
    result: Result


class Name:
    """What the graph calls one tensor: a value, and for a view how it is taken."""

    __slots__ = ("alive", "family", "seen", "value", "version")

    def __init__(self, value: int, family: Family, seen: ViewCall | Side | None = None) -> None:
        self.value, self.family, self.seen = value, family, seen
        self.version = family.version if value >= 0 else -1
        self.alive = True


class Names:
    """The names of all tensors met, by their ids. Weak references tell when Python lets go of one."""

    def __init__(self, sheet: Sheet) -> None:
        self.sheet = sheet
        self.of_tensor: dict[int, Name] = {}
        self.references: dict[int, weakref.ref[torch.Tensor]] = {}
        self.held: list[torch.Tensor] = []  # these live, and keep their ids, for the whole trace

    def give(self, tensor: torch.Tensor, name: Name) -> None:
        """Call a tensor so, until Python lets go of it."""
        key = id(tensor)
        self.of_tensor[key] = name

        def let_go(_: weakref.ref[torch.Tensor]) -> None:
            del self.of_tensor[key], self.references[key]
            name.alive = False
            self._release(name.value)

        self.references[key] = weakref.ref(tensor, let_go)

    def lend(self, tensor: torch.Tensor, name: Name) -> None:
        """Call a tensor so that autograd holds in the place of another one, which Python may let go."""
        key = id(tensor)
        self.of_tensor[key] = name

        def let_go(_: weakref.ref[torch.Tensor]) -> None:
            del self.of_tensor[key], self.references[key]

        self.references[key] = weakref.ref(tensor, let_go)

    def hold(self, tensor: torch.Tensor, name: Name) -> None:
        """Call a tensor so, for the whole trace."""
        self.of_tensor[id(tensor)] = name
        self.held.append(tensor)

    def rename(self, tensor: torch.Tensor, name: Name) -> None:
        """Call a tensor otherwise from now on: nothing bears its old name any longer."""
        old = self.name(tensor)
        old.alive = False
        self._release(old.value)
        if id(tensor) in self.references:
            self.give(tensor, name)
        else:
            self.of_tensor[id(tensor)] = name

    def known(self, tensor: torch.Tensor) -> bool:
        """Whether a tensor has a name."""
        return id(tensor) in self.of_tensor

    def name(self, tensor: torch.Tensor) -> Name:
        """The name of a tensor; one that comes from outside the network becomes a constant."""
        found = self.of_tensor.get(id(tensor))
        if found is None:
            found = Name(self.sheet.add_constant(self.sheet.result(tensor, spec_of(tensor))), Family())
            self.hold(tensor, found)
        return found

    def value(self, tensor: torch.Tensor) -> int:
        """The graph's number of what a tensor holds now."""
        return self.current(self.name(tensor))

    def current(self, name: Name) -> int:
        """The graph's number of what a name stands for now; a view that was not read yet, or is out of date, is taken."""
        call = name.seen
        if call is None or (name.value >= 0 and name.version == name.family.version):
            return name.value
        if isinstance(call, Side):
            name.value, name.version, name.seen = self.sheet.add_output(call.node, call.result), name.family.version, None
            return name.value
        inputs = () if call.parent is None else (self.current(call.parent),)
        outputs = self.sheet.add_node(call.op, inputs, call.results, call.place)
        for each, output in zip(call.names, outputs, strict=True):
            self._renew(each, output)
        return name.value

    def written(self, name: Name, value: int, place: Place) -> None:
        """After an in-place call: the tensor, and what it is a view of, have new values."""
        name.family.version += 1
        self._renew(name, value)
        while isinstance(call := name.seen, ViewCall) and (parent := call.parent) is not None and call.op.differentiable:
            old = self.sheet.result_of(parent.value)
            op, inputs = _written_back(call, call.names.index(name), parent.value, name.value, old.spec.shape)
            (new,) = self.sheet.add_node(op, inputs, [old], place)
            self._renew(parent, new)
            name = parent

    def _renew(self, name: Name, value: int) -> None:
        self._release(name.value)
        name.value, name.version = value, name.family.version
        if not name.alive:
            self._release(value)

    def _release(self, value: int) -> None:
        if value >= 0:
            self.sheet.release(value)


def _written_back(call: ViewCall, index: int, parent: int, part: int, shape: tuple[int, ...]) -> tuple[Op, tuple[int, ...]]:
    """The op that gives what was written through a view back to what it is a view of, and the op's inputs."""
    op = call.op
    if isinstance(op, View):
        return View(shape, "view"), (part,)
    if isinstance(op, Permute):
        back = [0] * len(op.axes)
        for place, axis in enumerate(op.axes):
            back[axis] = place
        return Permute(tuple(back)), (part,)
    rank = len(shape)
    if isinstance(op, Slice) and op.axes is not None:
        return Insert(op.offset, op.step, op.axes), (parent, part)
    if isinstance(op, Split):
        axis = op.axis % rank
        offset = tuple([sum(op.sizes[:index]) if each == axis else 0 for each in range(rank)])
        axes = tuple([each for each in range(rank) if op.keep_axis or each != axis])
        return Insert(offset, (1,) * rank, axes), (parent, part)
    return Insert((0,) * rank, (1,) * rank, None), (parent, part)


_SIZED = {dtype: name for dtype, name in DTYPES.items() if name in ITEM_BYTES}


@lru_cache(maxsize=8192)
def _spec(dtype: torch.dtype, shape: torch.Size) -> TensorSpec:
    return TensorSpec(tuple(shape), _SIZED[dtype])


def spec_of(tensor: torch.Tensor) -> TensorSpec:
    """The spec of a tensor.

    Raises:
        TraceError: its elements are no whole bytes.

    """
    try:
        return _spec(tensor.dtype, tensor.shape)
    except KeyError:
        raise TraceError(f"a tensor of dtype {tensor.dtype} has no size in whole bytes") from None


def lies(tensor: torch.Tensor) -> Strides:
    """How a tensor lies in memory."""
    return normal(tuple(tensor.shape), tensor.stride())
