"""Each kind of memory against what torch itself holds, to the byte.

"Saved for backward" is what autograd's nodes keep when the forward pass is over: the storages of all saved tensors, each once,
without the parameters, the buffers, the images and the targets, which live anyway. The simulation's figure is the sum at the
end of the forward pass.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

import convatlas as ca
from convatlas.analysis.memory import training_memory
from convatlas.analysis.memory.changes import GRADIENTS_OF_PARAMETERS, OPTIMIZER_STATE, SAVED
from convatlas.measure.memory import loss_of, make_optimizer

NETWORKS = [
    ("resnet18", (2, 3, 64, 64)),
    ("vgg11_bn", (1, 3, 32, 32)),
    ("googlenet", (2, 3, 96, 96)),
    ("densenet121", (2, 3, 64, 64)),
    ("mobilenet_v2", (2, 3, 64, 64)),
    ("mobilenet_v3_small", (2, 3, 64, 64)),
    ("squeezenet1_0", (2, 3, 64, 64)),
    ("shufflenet_v2_x0_5", (2, 3, 64, 64)),
    ("efficientnet_b0", (2, 3, 64, 64)),
    ("regnet_y_400mf", (2, 3, 64, 64)),
    ("convnext_tiny", (1, 3, 64, 64)),
    ("alexnet_2012", (1, 3, 227, 227)),
    ("lenet5", (4, 1, 32, 32)),
]


def saved_bytes(model: nn.Module, shape: tuple[int, ...]) -> int:
    """What autograd keeps after a forward pass."""
    saved: dict[int, int] = {}
    held = []

    def keep(tensor: Tensor) -> Tensor:
        held.append(tensor)
        saved[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    images, targets = torch.randn(shape), {}
    model.train()
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        loss = loss_of(model(images), targets)
    live = {t.untyped_storage().data_ptr() for t in [*model.parameters(), *model.buffers(), images, *targets.values()]}
    assert loss.requires_grad
    return sum(num_bytes for storage, num_bytes in saved.items() if storage not in live)


@pytest.mark.parametrize(("name", "shape"), NETWORKS, ids=[name for name, _ in NETWORKS])
def test_saved_for_backward_is_what_autograd_keeps(name: str, shape: tuple[int, ...], predicted: Any) -> None:
    model = ca.create(name)
    memory = predicted(model, shape)
    simulated = sum(c.num_bytes for c in memory.changes if c.kind == SAVED and c.phase == "forward" and c.num_bytes > 0)
    assert simulated == saved_bytes(model, shape)


@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "adam", "adamw", "rmsprop", "adagrad"])
def test_optimizer_state_and_gradients_are_torchs(optimizer: str, predicted: Any, settings: Any) -> None:
    model = ca.create("squeezenet1_1")
    memory = predicted(model, (1, 3, 64, 64), optimizer=optimizer)
    loss_of(model.train()(torch.randn(1, 3, 64, 64)), {}).backward()
    made: Any = make_optimizer(settings(optimizer=optimizer), model.parameters())
    made.step()
    state = [v for entry in made.state.values() for v in entry.values() if isinstance(v, Tensor)]
    assert memory.breakdown.get(OPTIMIZER_STATE, 0) == sum(v.nbytes for v in state)
    grown = sum(c.num_bytes for c in memory.changes if c.kind == GRADIENTS_OF_PARAMETERS and c.num_bytes > 0)
    assert grown == sum(p.grad.nbytes for p in model.parameters() if p.grad is not None)


def test_frozen_parameters_have_no_gradient_and_no_state(predicted: Any) -> None:
    model = ca.create("resnet18")
    memory = predicted(model, (1, 3, 64, 64), frozen=("conv1", "bn1", "layer1", "layer2", "layer3", "layer4"))
    assert memory.breakdown[OPTIMIZER_STATE] == sum(p.nbytes for p in model.fc.parameters())


def test_half_precision_halves_parameters(settings: Any) -> None:
    graph = ca.trace(ca.create("resnet18"), (1, 3, 64, 64), training=True)
    halves = [training_memory(graph, settings(precision=p)).breakdown["parameters"] for p in ("fp32", "bf16")]
    assert halves[0] == 2 * halves[1]
