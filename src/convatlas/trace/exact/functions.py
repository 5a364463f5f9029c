"""Functions that read elements outside torch's dispatcher, and so ask for known values themselves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import _VF
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import _disable_current_modes

from ..errors import data_dependent
from .values import Values


class NoNumbers:
    """What `Tensor.numpy` gives in a trace: the end of the tensor's way. As a result it stands for the tensor; it has no elements."""

    def __init__(self, tensor: torch.Tensor) -> None:
        self.tensor = tensor


def _asks(name: str) -> Callable[..., Any]:
    def ask(self: NoNumbers, *args: Any, **kwargs: Any) -> Any:
        raise data_dependent(".numpy()")

    ask.__name__ = name
    return ask


for _name in ("__getattr__", "__getitem__", "__iter__", "__len__", "__array__", "__bool__", "__float__", "__int__", "__index__",
              "__add__", "__radd__", "__sub__", "__rsub__", "__mul__", "__rmul__", "__truediv__", "__rtruediv__", "__neg__",
              "__matmul__", "__pow__", "__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__", "__abs__"):  # fmt: skip
    setattr(NoNumbers, _name, _asks(_name))


class Functions(TorchFunctionMode):
    """Carries out the functions that read elements."""

    def __init__(self, values: Values) -> None:
        super().__init__()
        self.values = values

    def __torch_function__(self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None) -> Any:
        own = _OWN.get(func)
        return func(*args, **(kwargs or {})) if own is None else own(self.values, *args, **(kwargs or {}))

    def __hash__(self) -> int:
        return id(self)


@contextmanager
def _in_truth() -> Iterator[None]:
    """While inside, torch computes."""
    with _disable_current_modes(), torch._C.DisableTorchFunction():
        yield


def _numpy(values: Values, tensor: torch.Tensor, *, force: bool = False) -> Any:
    known = values.twin(tensor)
    if known is None:
        return NoNumbers(tensor)
    with _in_truth():
        return known.numpy(force=force).copy()


def _array(values: Values, tensor: torch.Tensor, dtype: Any = None) -> Any:
    known = values.twin(tensor)
    if known is None:
        raise data_dependent("an array of its elements")
    with _in_truth():
        array = known.numpy(force=True)
        return array.astype(dtype) if dtype else array.copy()


def _rows(sizes: list[int], samples: int) -> torch.Tensor:
    """Where the rows of a packed sequence lie among those of a padded one, steps first."""
    return torch.tensor([step * samples + sample for step, count in enumerate(sizes) for sample in range(count)])


def _pack(values: Values, input: torch.Tensor, lengths: torch.Tensor, batch_first: bool) -> tuple[torch.Tensor, torch.Tensor]:
    """The rows of each step one after another, and how many each has: the latter in truth, as torch's C++ code reads it."""
    known = values.twin(lengths)
    if known is None:
        raise data_dependent("the lengths of a packed sequence")
    steps_first = input.transpose(0, 1) if batch_first else input
    with _in_truth():
        longest = list(map(int, known.tolist()))
        sizes = torch.tensor([sum(length > step for length in longest) for step in range(longest[0])])
        rows = _rows(sizes.tolist(), len(longest))
    return steps_first.flatten(0, 1).index_select(0, rows), sizes


def _unpack(
    values: Values, data: torch.Tensor, batch_sizes: torch.Tensor, batch_first: bool, padding_value: float, total_length: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """`_pack` turned round."""
    with _in_truth():
        sizes = values.twin(batch_sizes)
        if sizes is None:
            raise data_dependent("the steps of a packed sequence")
        counts = list(map(int, sizes.tolist()))
        rows = _rows(counts, counts[0])
        lengths = torch.tensor([sum(sample < count for count in counts) for sample in range(counts[0])])
    steps = max(total_length, len(counts))
    padded = data.new_full((steps * counts[0], *data.shape[1:]), padding_value).index_copy_(0, rows, data)
    padded = padded.view(steps, counts[0], *data.shape[1:])
    return (padded.transpose(0, 1) if batch_first else padded), lengths


def _recurrent(function: Any) -> Callable[..., Any]:
    """A recurrent layer, which reads in C++ how many rows each step of a packed sequence has."""

    def call(values: Values, data: torch.Tensor, sizes: Any, *args: Any) -> Any:
        if isinstance(sizes, torch.Tensor) and (known := values.twin(sizes)) is not None:
            sizes = known
        return function(data, sizes, *args)

    return call


_OWN: dict[Any, Callable[..., Any]] = {
    torch.Tensor.numpy: _numpy,
    torch.Tensor.__array__: _array,
    _VF._pack_padded_sequence: _pack,
    _VF._pad_packed_sequence: _unpack,
    **{function: _recurrent(function) for function in (_VF.lstm, _VF.gru, _VF.rnn_tanh, _VF.rnn_relu)},
}
