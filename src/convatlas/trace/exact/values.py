"""Values that are known: of tensors made of numbers, shapes and constants alone, each has a real twin beside the fake one."""

from __future__ import annotations

import weakref
from typing import Any

import torch
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode
from torch.utils._python_dispatch import _disable_current_modes
from torch.utils._pytree import tree_map_only

from ..errors import data_dependent
from .calls import tensors
from .overloads import Overload

_LARGEST = 1 << 16  # elements of a tensor whose values are followed
_aten = torch.ops.aten
_MASKED = frozenset({_aten.index.Tensor, _aten.masked_select.default})
_CALLED = {"local_scalar_dense": ".item(), or a number or a condition made of it", "unique2": "torch.unique"}


class Values:
    """The real twins of fake tensors."""

    def __init__(self, fake_mode: FakeTensorMode) -> None:
        self.fake_mode = fake_mode
        self.twins: dict[int, torch.Tensor] = {}
        self.references: dict[int, weakref.ref[torch.Tensor]] = {}
        self.sources: dict[int, torch.Tensor] = {}  # id of a fake that stands for a real tensor -> that one
        # twins into which something unknown was written, by their storages: they live on, as the address of one that is gone is given anew
        self.unknown: dict[int, torch.Tensor] = {}

    def stands_for(self, fake: torch.Tensor, real: torch.Tensor) -> None:
        """A fake has the values of a real tensor, which lives as long as the trace."""
        if real.layout is torch.strided and real.numel() <= _LARGEST and not real.is_meta:
            self.sources[id(fake)] = real

    def know(self, tensor: torch.Tensor, twin: torch.Tensor) -> None:
        """From now on a tensor's values are known."""
        key = id(tensor)
        self.twins[key] = twin

        def forget(_: Any) -> None:
            self.twins.pop(key, None)
            self.references.pop(key, None)

        self.references[key] = weakref.ref(tensor, forget)

    def twin(self, tensor: torch.Tensor) -> torch.Tensor | None:
        """The values of a tensor, if they are known."""
        if tensor.layout is not torch.strided:
            return None
        found = self.twins.get(id(tensor))
        if found is None:
            source = self.sources.get(id(tensor)) if isinstance(tensor, FakeTensor) else tensor
            if source is None or source.numel() > _LARGEST or source.is_meta:
                return None
            with _disable_current_modes():
                found = source.detach().clone()  # what is written into it is not written into the caller's tensor
            self.know(tensor, found)
        return None if found.untyped_storage()._cdata in self.unknown else found

    def follow(self, func: Any, overload: Overload, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
        """After a call: let its results be known where all that it read is."""
        outputs = list(tensors((result,)))
        follows = not overload.random and all(each.numel() <= _LARGEST for each in outputs)
        if not follows or any(self.twin(each) is None for each in tensors((*args, *kwargs.values()))):
            if overload.in_place or overload.into:
                self._forget(func, args, kwargs)
            if func is _aten._is_all_true.default:  # asked by checks alone, which are to hold
                self.know(result, torch.tensor(True))
            return
        for output, twin in zip(outputs, tensors((self._real(func, args, kwargs),)), strict=True):
            self.know(output, twin)

    def _by_places(self, func: Any, args: tuple[Any, ...]) -> torch.Tensor | None:
        """A choice by masks that are known: by the places that they are true at. None where one is not known."""
        tensor, given = args
        indices: list[torch.Tensor | None] = []
        for mask in given if isinstance(given, list | tuple) else [given]:
            if mask is None or mask.dtype not in (torch.bool, torch.uint8):
                indices.append(mask)
            elif (known := self.twin(mask)) is None:
                return None
            else:
                with _disable_current_modes():
                    known = known.broadcast_to(tensor.shape) if func is _aten.masked_select.default else known
                    indices += known.nonzero(as_tuple=True)
        return _aten.index.Tensor(tensor, indices)  # type: ignore[no-any-return]

    def _forget(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        for argument, value in (*zip(func._schema.arguments, args, strict=False),):
            if argument.alias_info is not None and argument.alias_info.is_write and isinstance(value, torch.Tensor):
                twin = self.twins.get(id(value))
                if twin is not None:
                    self.unknown[twin.untyped_storage()._cdata] = twin

    def _real(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        args, kwargs = tree_map_only(torch.Tensor, self.twin, (args, kwargs))
        if "device" in kwargs:
            kwargs = {**kwargs, "device": torch.device("cpu")}
        with _disable_current_modes(), torch.no_grad():
            return func(*args, **kwargs)

    def answer(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Carry out a call whose result depends on elements.

        Raises:
            DataDependentError: they are not known.

        """
        if func in _MASKED and (by_places := self._by_places(func, args)) is not None:
            return by_places
        if any(self.twin(each) is None for each in tensors((*args, *kwargs.values()))):
            name = func._schema.name.partition("::")[2].strip("_")
            raise data_dependent(_CALLED.get(name, f"torch.{name}"))
        real = self._real(func, args, kwargs)
        if not isinstance(real, torch.Tensor | tuple | list):
            return real

        def faked(each: torch.Tensor) -> torch.Tensor:
            fake: torch.Tensor = self.fake_mode.from_tensor(each)
            self.know(fake, each)
            return fake

        return tree_map_only(torch.Tensor, faked, real)
