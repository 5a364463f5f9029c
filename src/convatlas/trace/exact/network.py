"""The caller's network with fake tensors in the place of its parameters and buffers, for the time of a trace."""

from __future__ import annotations

from collections import OrderedDict, defaultdict, deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode
from torch.nn.utils import parametrize

from ...graph.graph import Parameter
from ..network import Modules
from .names import Family, Name, Names, spec_of
from .values import Values

_CONTAINERS = frozenset({dict, OrderedDict, defaultdict, list, deque})


class Fakes:
    """A fake tensor for each parameter and buffer. They get the graph's first numbers; a shared one keeps its first."""

    def __init__(self, modules: Modules, mode: FakeTensorMode, names: Names, values: Values, device: torch.device) -> None:
        self.mode, self.names, self.values, self.device = mode, names, values, device
        self.of: dict[int, torch.Tensor] = {}  # id of a real tensor -> its fake
        self.real: list[torch.Tensor] = []
        self.parameters: dict[int, torch.Tensor] = {}  # number -> fake
        graph = names.sheet.graph
        for name, tensor in zip(modules.parameters.names, modules.parameters.tensors, strict=True):
            if id(tensor) not in self.of:
                number = self._make(tensor)
                graph.parameters.append(Parameter(name, number, tensor.requires_grad))
                self.parameters[number] = self.of[id(tensor)]
        for name, tensor in zip(modules.buffers.names, modules.buffers.tensors, strict=True):
            if id(tensor) not in self.of:
                graph.buffers.append(Parameter(name, self._make(tensor), False))

    def _make(self, tensor: torch.Tensor) -> int:
        """Let a real tensor have a fake; returns its number."""
        with torch.no_grad():
            if tensor.layout is torch.strided:
                empty = torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype, device="meta")
            else:
                empty = torch.empty_like(tensor, device="meta")
            fake = FakeTensor(self.mode, empty, self.device, _is_param=isinstance(tensor, nn.Parameter))
        fake.requires_grad_(tensor.requires_grad)
        self.of[id(tensor)] = fake
        self.real.append(tensor)
        sheet = self.names.sheet
        name = Name(sheet.add_resident(sheet.result(fake, spec_of(tensor))), Family())
        self.names.hold(fake, name)
        self.names.hold(tensor, name)  # a scripted module reads its own
        self.values.stands_for(fake, tensor)
        return name.value

    def instead_of(self, value: Any) -> Any:
        """The fake of a parameter or buffer; anything else itself."""
        return self.of.get(id(value), value)


class _Notes:
    """What containers held: modules' attributes, and the dictionaries and lists in these."""

    def __init__(self, contents: list[dict[str, Any]]) -> None:
        self.empty: list[Any] = []
        self.dictionaries: list[tuple[dict[Any, Any], dict[Any, Any]]] = []
        self.others: list[tuple[Any, list[Any]]] = []
        for own in contents:
            self._take(own, 3)
        if parametrize._cache_enabled:
            self._take(parametrize._cache, 0)

    def _take(self, container: Any, depth: int) -> None:
        if not container:
            self.empty.append(container)
            return
        if isinstance(container, dict):
            self.dictionaries.append((container, container.copy()))
            items: Any = container.values()
        else:
            self.others.append((container, list(container)))
            items = self.others[-1][1]
        if depth:
            for item in items:
                if type(item) in _CONTAINERS:
                    self._take(item, depth - 1)

    def put_back(self) -> None:
        for container in self.empty:
            if container:
                container.clear()
        for container, before in self.dictionaries:
            _put_back(container, before)
        for container, former in self.others:
            if len(container) != len(former) or any(a is not b for a, b in zip(container, former, strict=True)):
                container.clear()
                container.extend(former)


@contextmanager
def with_fakes(modules: Modules, fakes: Fakes) -> Iterator[None]:
    """While inside, modules hold the fakes, as attributes and in lists; afterwards they hold what they held before, all of it.

    What a forward pass sets, removes or collects in containers, and the hooks that it registers, are gone then.
    """
    notes = _Notes(modules.contents)
    flags = [(tensor, tensor.requires_grad, tensor.grad) for tensor in fakes.real if tensor.is_leaf]
    kinds = [(module, type(module)) for module in modules.by_id.values()]
    try:
        for container, before in notes.dictionaries:
            for key, item in before.items():
                if id(item) in fakes.of:
                    container[key] = fakes.of[id(item)]
        for container, former in notes.others:
            if any(id(item) in fakes.of for item in former):
                container[:] = map(fakes.instead_of, former)
        yield
    finally:
        notes.put_back()
        for tensor, flag, gradient in flags:
            if tensor.requires_grad != flag:
                tensor.requires_grad_(flag)
            if tensor.grad is not gradient:
                tensor.grad = gradient
        for module, kind in kinds:
            if type(module) is not kind:
                module.__class__ = kind


def _put_back(container: dict[Any, Any], before: dict[Any, Any]) -> None:
    if list(container) == list(before) and all(now is then for now, then in zip(container.values(), before.values(), strict=True)):
        return
    for key in [key for key in container if key not in before]:
        del container[key]
    for key, value in before.items():
        if key not in container or container[key] is not value:
            container[key] = value
    if list(container) != list(before):
        container.clear()
        container.update(before)
