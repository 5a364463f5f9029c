"""What a network's forward pass gets. No torch here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from numbers import Integral, Number
from typing import TYPE_CHECKING, Any, TypeAlias

from .errors import ConvatlasError
from .graph.spec import ITEM_BYTES, TensorSpec

if TYPE_CHECKING:
    from torch import Tensor

InputLike: TypeAlias = "Sequence[int] | TensorSpec | Tensor"
InputsLike: TypeAlias = "Inputs | InputLike | Sequence[InputsLike] | Mapping[str, InputsLike]"

_WHOLE = (int, Integral)  # numpy's whole numbers are Integral, which takes longer to find out


class Inputs:
    """What ``forward`` gets: its arguments in order, and those by name.

    A tuple of whole numbers is a tensor of that shape; a `TensorSpec`, a tensor or an array is one of its shape and dtype (a trace
    reads no values). Lists, other tuples and mappings are passed on with their items so understood, everything else (None,
    numbers, strings, objects) as it is. The dtype of a bare shape is that of the network's first floating parameter::

        ca.Inputs((1, 3, 64, 64), ca.TensorSpec((1, 10), "int64"), scale=2, masks=[(1, 64, 64), None])
    """

    __slots__ = ("args", "kwargs")

    def __init__(self, *args: object, **kwargs: object) -> None:
        self.args, self.kwargs = args, kwargs

    def __repr__(self) -> str:
        named = [f"{name}={value!r}" for name, value in self.kwargs.items()]
        return f"Inputs({', '.join([*map(repr, self.args), *named])})"

    def __eq__(self, other: object) -> bool:
        return (self.args, self.kwargs) == (other.args, other.kwargs) if isinstance(other, Inputs) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    @classmethod
    def of(cls, given: InputsLike) -> Inputs:
        """Inputs from what a person writes for short: one shape, several, or a mapping from keyword to shape.

        Raises:
            ConvatlasError: something in it is neither a shape nor a tensor.
        """
        if isinstance(given, Inputs):
            return given
        if isinstance(given, Mapping):
            return cls(**{name: _understood(value) for name, value in given.items()})
        understood = _understood(given)
        return cls(*understood) if isinstance(understood, list) else cls(understood)

    def mapped(self, change: Callable[[TensorSpec], object], dtype: str = "float32") -> Inputs:
        """The same with each tensor's spec changed to something; ``dtype`` is that of bare shapes.

        Raises:
            ConvatlasError: a shape has an axis below 1, or a tensor a dtype that is not known.
        """
        args = [_mapped(change, value, dtype) for value in self.args]
        return Inputs(*args, **{name: _mapped(change, value, dtype) for name, value in self.kwargs.items()})

    def specs(self, dtype: str = "float32") -> list[TensorSpec]:
        """The specs of all tensors, in order."""
        found: list[TensorSpec] = []
        self.mapped(found.append, dtype)
        return found

    def with_batch(self, batch: int) -> Inputs:
        """Inputs for a whole batch, where these are of one sample: each tensor gets the batch axis put before its own."""
        return self._reshaped(lambda shape: (batch, *shape))

    def at_batch(self, batch: int) -> Inputs:
        """The same inputs at another batch: axis 0 changes wherever it is as long as the first tensor's."""
        now = self.specs()[0].shape[:1]
        return self._reshaped(lambda shape: (batch, *shape[1:]) if shape[:1] == now else shape)

    def _reshaped(self, change: Callable[[tuple[int, ...]], tuple[int, ...]]) -> Inputs:
        def changed(spec: TensorSpec) -> object:  # a bare shape stays bare
            return TensorSpec(change(spec.shape), spec.dtype) if spec.dtype else change(spec.shape)

        return self.mapped(changed, dtype="")


def _understood(given: Any) -> Any:
    """An input as `Inputs` takes it: a shape as a tuple, whatever sequence it was; several as a list."""
    if isinstance(given, TensorSpec) or _is_tensor(given):
        return given
    if isinstance(given, Mapping):
        return {key: _understood(value) for key, value in given.items()}
    if isinstance(given, str) or not isinstance(given, Sequence):
        raise ConvatlasError(f"an input is given by its shape, as (1, 3, 224, 224); got {given!r}")
    if given and not any(isinstance(item, _WHOLE) for item in given):
        return [_understood(item) for item in given]
    return _shape(given)


def _mapped(change: Callable[[TensorSpec], object], value: Any, dtype: str) -> Any:
    if isinstance(value, TensorSpec):
        return change(TensorSpec(_shape(value.shape), _dtype_of(value)))
    if _is_tensor(value):
        return change(TensorSpec(tuple(value.shape), _dtype_of(value)))
    if isinstance(value, Mapping):
        return {key: _mapped(change, item, dtype) for key, item in value.items()}
    if isinstance(value, tuple) and all(isinstance(item, _WHOLE) and not isinstance(item, bool) for item in value):
        return change(TensorSpec(_shape(value), dtype))
    if isinstance(value, list | tuple):
        items = [_mapped(change, item, dtype) for item in value]
        return tuple(items) if isinstance(value, tuple) else items
    return value


def _shape(given: Sequence[Any]) -> tuple[int, ...]:
    if any(not isinstance(n, _WHOLE) or n < 1 for n in given):
        raise ConvatlasError(f"every axis of an input shape is a whole number of at least 1; got {tuple(given)}")
    return tuple([int(n) for n in given])


def _is_tensor(value: object) -> bool:
    return hasattr(value, "shape") and hasattr(value, "dtype") and not isinstance(value, Number)


def _dtype_of(tensor: Any) -> str:
    """The name of a dtype, be it a name or torch's or numpy's own object."""
    dtype = str(tensor.dtype).removeprefix("torch.")
    if dtype not in ITEM_BYTES:
        raise ConvatlasError(f"a tensor of dtype {dtype} cannot be an input; choose one of {', '.join(ITEM_BYTES)}")
    return dtype
