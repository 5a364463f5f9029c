"""The caller's network with fake tensors in the place of its parameters and buffers, for the time of a trace."""

from __future__ import annotations

from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode

from ...graph.graph import Parameter
from ..constants import constants_of, strangers_of
from ..network import Modules, is_scripted
from ..state import attributes_in_copies, left_as_found
from .names import Family, Name, Names, spec_of
from .values import Values

_CONTAINERS = frozenset({dict, OrderedDict, defaultdict, list, deque})


class Fakes:
    """A fake tensor for each parameter, buffer and constant. They get the graph's first numbers; a shared one keeps its first."""

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
        for key, tensor in constants_of(modules).items():
            if key not in self.of and tensor.layout is torch.strided and not isinstance(tensor, FakeTensor):
                graph.constants.append(self._make(tensor))

    def leave_out_unread_constants(self) -> None:
        """The graph's constants are those that it reads."""
        graph = self.names.sheet.graph
        read = {value for node in graph.nodes for value in node.inputs}.union(graph.outputs)
        graph.constants = [value for value in graph.constants if value in read]

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


@contextmanager
def with_fakes(modules: Modules, training: bool, calls: Sequence[Callable[..., Any]], fakes: Fakes) -> Iterator[None]:
    """While inside, modules hold the fakes, as attributes and in lists; afterwards they are as they were found."""
    gradients = [(tensor, tensor.grad) for tensor in fakes.real if tensor.is_leaf]
    strangers = [module for module in strangers_of(modules) if not is_scripted(type(module))]
    try:
        with left_as_found(modules, training, calls), attributes_in_copies(strangers):
            for module in (*modules.by_id.values(), *strangers):
                if not is_scripted(type(module)):
                    _exchange(module.__dict__, fakes.of, 3)
            yield
    finally:
        for tensor, gradient in gradients:
            if tensor.grad is not gradient:
                tensor.grad = gradient


def _exchange(container: Any, fakes: dict[int, torch.Tensor], depth: int) -> None:
    """Put fakes in the place of what they stand for, in a dictionary or list and those in it."""
    places = container.items() if isinstance(container, dict) else enumerate(container)
    for place, item in list(places):
        if (fake := fakes.get(id(item))) is not None:
            container[place] = fake
        elif depth and type(item) in _CONTAINERS and item:
            _exchange(item, fakes, depth - 1)
