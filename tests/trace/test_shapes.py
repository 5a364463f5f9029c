"""Every node of a traced network has the shape that torch gives it in a forward pass of its own."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from convatlas.graph import Graph
from convatlas.trace import trace
from convatlas.zoo import REGISTRY, create

Build = Callable[..., nn.Module]
Shapes = dict[str, list[tuple[int, ...]]]  # module path -> shapes of what was made there, in order


def made(tree: Any) -> list[tuple[int, ...]]:
    if isinstance(tree, Tensor):
        return [tuple(tree.shape)]
    return [shape for item in tree for shape in made(item)] if isinstance(tree, list | tuple) else []


class Functions(TorchFunctionMode):
    """Notes what each torch function that a network calls returns."""

    def __init__(self, stack: list[str]) -> None:
        super().__init__()
        self.stack, self.seen = stack, defaultdict(list)

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        does_nothing = bool(args) and result is args[0]  # a dropout that is off, a copy to where it is
        if getattr(func, "__name__", "") not in ("__get__", "__set__") and not does_nothing:
            self.seen[self.stack[-1]] += made(result)
        return result


class Kernels(TorchDispatchMode):
    """Notes what each of torch's own operations returns, those inside functions included."""

    def __init__(self, stack: list[str]) -> None:
        super().__init__()
        self.stack, self.seen = stack, defaultdict(set)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        self.seen[self.stack[-1]] |= set(made(result)) | set(made(args))
        return result


@contextmanager
def following(model: nn.Module) -> Iterator[list[str]]:
    """The path of the module that runs is the list's last element."""
    stack = [""]
    handles = []
    for path, module in model.named_modules():
        handles.append(module.register_forward_pre_hook(lambda *_, path=path: stack.append(path)))
        handles.append(module.register_forward_hook(lambda *_: stack.pop() and None))
    try:
        yield stack
    finally:
        for handle in handles:
            handle.remove()


def is_subsequence(part: list[Any], whole: list[Any]) -> bool:
    rest = iter(whole)
    return all(item in rest for item in part)


def check(model: nn.Module, shape: tuple[int, ...]) -> Graph:
    graph = trace(model, shape, training=model.training)
    images = torch.empty(shape, device=next(model.parameters()).device)
    with following(model) as stack, Functions(stack) as functions, Kernels(stack) as kernels:
        model(images)
    traced: Shapes = defaultdict(list)
    for node in graph:
        traced[node.module] += [spec.shape for spec in graph.specs(node.outputs)]
    assert set(traced) <= set(kernels.seen)
    for path, shapes in traced.items():
        strangers = set(shapes) - kernels.seen[path] - set(functions.seen[path])
        assert not strangers, f"{path}: torch makes no tensor of shape {strangers}"
    for path, shapes in functions.seen.items():
        returned = [shape for shape in shapes if shape]  # numbers, such as a length, need no node
        assert is_subsequence(returned, traced[path]), f"{path}: torch makes {shapes}, the trace {traced[path]}"
    return graph


FIRST = {entry.family: name for name, entry in reversed(REGISTRY.items())}


@pytest.mark.sample(FIRST.values())
@pytest.mark.parametrize("name", REGISTRY)
def test_zoo(name: str) -> None:
    with torch.device("meta"):
        network = create(name).train()
    check(network, (2, *REGISTRY[name].input_size))


@pytest.mark.parametrize("name", [
    "resnest14d", "hrnet_w18_small", "convnextv2_atto", "coatnet_pico_rw_224", "levit_128s", "dm_nfnet_f0", "mixnet_s", "ghostnet_100",
    "efficientformer_l1", "edgenext_xx_small", "fastvit_t8", "bat_resnext26ts",
])  # fmt: skip
def test_timm(timm_on_meta: Build, name: str) -> None:
    model = timm_on_meta(name).eval()
    check(model, (1, *model.pretrained_cfg.get("input_size", (3, 224, 224))))  # type: ignore[operator, union-attr]
