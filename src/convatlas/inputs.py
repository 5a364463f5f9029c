"""What a network's forward pass gets. No torch here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping, Sequence
from copy import copy
from itertools import count
from numbers import Integral, Number
from typing import TYPE_CHECKING, Any, TypeAlias

from .errors import ConvatlasError
from .graph.spec import ITEM_BYTES, TensorSpec

if TYPE_CHECKING:
    from torch import Tensor

InputLike: TypeAlias = "Sequence[int] | TensorSpec | Tensor"
InputsLike: TypeAlias = "Inputs | InputLike | Sequence[object] | Mapping[str, object]"

_WHOLE = (int, Integral)  # numpy's whole numbers are Integral, which takes longer to find out


class Inputs:
    """What ``forward`` gets: its arguments in order, and those by name.

    A tuple of whole numbers is a tensor of that shape, a `TensorSpec` one of its shape and dtype. A tensor or an array is one that
    is known with its values, which a forward pass may read. Lists, other tuples (named ones too, such as torch's PackedSequence)
    and mappings are passed on with their items so understood, everything else (None, numbers, strings, objects) as it is. The dtype
    of a bare shape is that of the network's first floating or complex parameter, and int64 where an embedding looks it up::

        ca.Inputs((1, 3, 64, 64), ca.TensorSpec((1, 10), "int64"), scale=2, masks=[(1, 64, 64), None])
    """

    __slots__ = ("args", "kwargs")

    def __init__(self, *args: object, **kwargs: object) -> None:
        self.args, self.kwargs = args, kwargs

    def __repr__(self) -> str:
        named = [f"{name}={value!r}" for name, value in self.kwargs.items()]
        return f"Inputs({', '.join([*map(repr, self.args), *named])})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Inputs):
            return NotImplemented
        mine, its = (
            each.mapped(lambda spec, tensor: (spec, tensor if tensor is None else id(tensor)), "") for each in (self, other)
        )
        return (mine.args, mine.kwargs) == (its.args, its.kwargs)

    __hash__ = None  # type: ignore[assignment]

    @classmethod
    def of(cls, given: InputsLike) -> Inputs:
        """Inputs from what a person writes for short: one shape, several, or a mapping from keyword to shape.

        Any sequence of whole numbers is a shape; one that holds a shape, a tensor, a list or a mapping is several inputs.

        Raises:
            ConvatlasError: there is neither a shape nor a tensor, or a shape that cannot be.
        """
        if isinstance(given, Inputs):
            return given
        if isinstance(given, Mapping):
            return cls(**{name: _understood(value) for name, value in given.items()})
        understood = _understood(given)
        if isinstance(understood, list) and any(map(_holds_tensors, understood)):
            return cls(*understood)
        if not _holds_tensors(understood):
            raise ConvatlasError(f"an input is given by its shape, as (1, 3, 224, 224); got {given!r:.80}")
        return cls(understood)

    def mapped(self, change: Callable[[TensorSpec, object], object], dtype: str = "float32") -> Inputs:
        """The same with each tensor changed to something; ``dtype`` is that of bare shapes.

        ``change`` gets a spec, and the tensor or array that was given, or None if that was a shape or a spec.

        Raises:
            ConvatlasError: a shape has an axis below 1, or a tensor a dtype that is not known.
        """
        args = [_mapped(change, value, dtype) for value in self.args]
        return Inputs(*args, **{name: _mapped(change, value, dtype) for name, value in self.kwargs.items()})

    def typed(self, dtype_at: Callable[[int], str]) -> Inputs:
        """The same with a `TensorSpec` for each bare shape, of the dtype that goes with its place among all tensors."""
        places = count()

        def change(spec: TensorSpec, tensor: Any) -> object:
            place = next(places)
            return tensor if tensor is not None else spec if spec.dtype else TensorSpec(spec.shape, dtype_at(place))

        return self.mapped(change, dtype="")

    def specs(self, dtype: str = "float32") -> list[TensorSpec]:
        """The specs of all tensors, in order; "" as ``dtype`` tells which of them are bare shapes."""
        found: list[TensorSpec] = []
        self.mapped(lambda spec, tensor: found.append(spec), dtype)
        return found

    def with_batch(self, batch: int) -> Inputs:
        """Inputs for a whole batch, where these are of one sample: each tensor gets the batch axis put before its own."""
        return self._reshaped(lambda shape: (batch, *shape))

    def at_batch(self, batch: int) -> Inputs:
        """The same inputs at another batch: axis 0 changes wherever it is as long as the first tensor's."""
        now = self.specs()[0].shape[:1]
        return self._reshaped(lambda shape: (batch, *shape[1:]) if shape[:1] == now else shape)

    def _reshaped(self, change: Callable[[tuple[int, ...]], tuple[int, ...]]) -> Inputs:
        """A bare shape stays bare, and a tensor keeps its values where its shape stays."""

        def changed(spec: TensorSpec, tensor: Any) -> object:
            shape = change(spec.shape)
            return tensor if tensor is not None and shape == spec.shape else TensorSpec(shape, spec.dtype) if spec.dtype else shape

        return self.mapped(changed, dtype="")


def _understood(given: Any) -> Any:
    """An input as `Inputs` takes it: a shape as a tuple, whatever sequence it was; several as a list."""
    if isinstance(given, Mapping):
        return _with_items(given, {key: _understood(value) for key, value in given.items()})
    if not _is_sequence(given) or _is_named(given):
        return given
    if any(map(_holds_something, given)):
        return [_understood(item) for item in given]
    return _shape(given) if not given or any(isinstance(n, _WHOLE) and not isinstance(n, bool) for n in given) else given


def _holds_something(item: object) -> bool:
    return isinstance(item, TensorSpec | Mapping) or _is_tensor(item) or _is_sequence(item)


def _holds_tensors(item: Any) -> bool:
    """Whether an input that is understood is, or holds, a tensor."""
    found: list[TensorSpec] = []
    _mapped(lambda spec, tensor: found.append(spec), item, "")
    return bool(found)


def _mapped(change: Callable[[TensorSpec, Any], object], value: Any, dtype: str) -> Any:
    if isinstance(value, TensorSpec):
        return change(TensorSpec(_shape(value.shape), _dtype_of(value)), None)
    if _is_tensor(value):
        if getattr(value, "is_nested", False):
            raise ConvatlasError(
                "a nested tensor has no shape to trace; give a padded one, as torch.nested.to_padded_tensor makes it"
            )
        return change(TensorSpec(tuple(value.shape), _dtype_of(value)), value)
    if isinstance(value, Mapping):
        return _with_items(value, {key: _mapped(change, item, dtype) for key, item in value.items()})
    if _is_named(value):  # past the checks of a class of its own, as PackedSequence has them
        return tuple.__new__(type(value), [_mapped(change, item, dtype) for item in value])
    if isinstance(value, tuple) and all(isinstance(item, _WHOLE) and not isinstance(item, bool) for item in value):
        return change(TensorSpec(_shape(value), dtype), None)
    if isinstance(value, list | tuple):
        items = [_mapped(change, item, dtype) for item in value]
        return tuple(items) if isinstance(value, tuple) else items
    return value


def _with_items(mapping: Mapping[Any, Any], items: dict[Any, Any]) -> Mapping[Any, Any]:
    """A mapping of the same kind, which a forward pass may ask for attributes, with other items."""
    if type(mapping) is dict or not isinstance(mapping, MutableMapping):
        return items
    made = copy(mapping)
    made.update(items)
    return made


def _is_sequence(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes | TensorSpec)


def _is_named(value: object) -> bool:
    return isinstance(value, tuple) and hasattr(value, "_fields") and not isinstance(value, TensorSpec)


def _shape(given: Sequence[Any]) -> tuple[int, ...]:
    if any(not isinstance(n, _WHOLE) or isinstance(n, bool) or n < 1 for n in given):
        raise ConvatlasError(f"every axis of an input shape is a whole number of at least 1; got {tuple(given)}")
    return tuple([int(n) for n in given])


def _is_tensor(value: object) -> bool:
    kind = type(value)  # of some tensors the shape itself cannot be asked
    return hasattr(kind, "shape") and hasattr(kind, "dtype") and not isinstance(value, Number)


def _dtype_of(tensor: Any) -> str:
    """The name of a dtype, be it a name or torch's or numpy's own object."""
    dtype = str(tensor.dtype).removeprefix("torch.")
    if dtype not in ITEM_BYTES:
        raise ConvatlasError(f"a tensor of dtype {dtype} cannot be an input; choose one of {', '.join(ITEM_BYTES)}")
    return dtype
