"""The optimizer of a recipe: which parameters it trains, at which share of the rate, and with what decay."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from ..errors import ConvatlasError
from ..names import unknown_name
from . import recipe as recipes


def make_optimizer(network: nn.Module, recipe: recipes.Recipe, *, layer_decay: float = 1.0) -> Optimizer:
    """The recipe's optimizer over all parameters of a network that take a gradient.

    Each group has a ``share``: what the rate of the schedule is multiplied by for it.
    """
    asked = recipe.optimizer
    shares = layer_shares(network, layer_decay)
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            decays = asked.decay_norms or parameter.dim() > 1
            groups.setdefault((shares[name], asked.weight_decay if decays else 0.0), []).append(parameter)
    if not groups:
        raise ConvatlasError("nothing is left to train: every parameter is frozen")
    rows: list[dict[str, Any]] = [
        {"params": parameters, "share": share, "weight_decay": decay} for (share, decay), parameters in groups.items()
    ]
    match asked.kind:
        case "sgd":
            nesterov = asked.nesterov and asked.momentum > 0
            optimizer = torch.optim.SGD(rows, lr=asked.lr, momentum=asked.momentum, nesterov=nesterov, fused=True)
            if asked.momentum:  # a fused step takes no group in which some parameters had a gradient before and others had none
                for parameter in (parameter for group in groups.values() for parameter in group):
                    optimizer.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)
            return optimizer
        case "adamw":
            return torch.optim.AdamW(rows, lr=asked.lr, betas=(asked.momentum, asked.smoothing), eps=asked.eps, fused=True)
        case "rmsprop":
            return torch.optim.RMSprop(
                rows, lr=asked.lr, alpha=asked.smoothing, eps=asked.eps, momentum=asked.momentum, foreach=True
            )


def set_rate(optimizer: Optimizer, rate: float) -> None:
    """Set each group's rate: its share of ``rate``."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group["share"]


def layer_shares(network: nn.Module, decay: float) -> dict[str, float]:
    """The share of the rate for each parameter: 1 for the last layer, ``decay`` times as much for each one before it.

    A layer is what shares the first two parts of its name, as layer1.0 or features.3.
    """
    layers: dict[str, int] = {}
    for name, _ in network.named_parameters():
        layers.setdefault(_layer(name), len(layers))
    last = len(layers) - 1
    return {name: decay ** (last - layers[_layer(name)]) for name, _ in network.named_parameters()}


def _layer(name: str) -> str:
    return ".".join(name.split(".")[:-1][:2])


def freeze(network: nn.Module, paths: Sequence[str]) -> None:
    """Let the parameters of modules take no gradient.

    Raises:
        ConvatlasError: there is no module of that path; the nearest are given.
    """
    modules: Mapping[str, nn.Module] = dict(network.named_modules())
    for path in paths:
        if path not in modules or not path:
            raise unknown_name("module", path, [name for name in modules if name], "see `convatlas cost --by module`")
        modules[path].requires_grad_(False)


def set_modes(network: nn.Module) -> None:
    """Training mode, but for layers whose parameters are all frozen: their statistics stay as they are."""
    network.train()
    for module in network.modules():
        own = list(module.parameters(recurse=False))
        if own and not any(parameter.requires_grad for parameter in own) and not any(module.children()):
            module.eval()
