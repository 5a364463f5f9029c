"""Scores without training, of networks with initial weights; each from its paper, larger is better.

They are functions of (network, images, labels): float32 (N, C, H, W) and int64 (N,). The network may be left changed.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Proxy: TypeAlias = "Callable[[nn.Module, Tensor, Tensor], float]"
_NOISE = 0.01  # Zen's mixture of two inputs
_PARTS = 2  # ZiCo's batches


def synflow(network: nn.Module, images: Tensor, labels: Tensor) -> float:
    """The logarithm of the synaptic flow, the sum of weight x gradient with all weights positive; Tanaka et al. 2020 (arXiv:2006.05467)."""
    network = network.double().eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.abs_()
    network(torch.ones_like(images[:1], dtype=torch.float64)).sum().backward()
    return _log(sum(float((each.detach() * each.grad).sum()) for each in network.parameters() if each.grad is not None))


def naswot(network: nn.Module, images: Tensor, labels: Tensor) -> float:
    """The log-determinant of how often images switch the same ReLUs on; Mellor et al. 2021 (arXiv:2006.04647)."""
    kernel = torch.zeros(len(images), len(images), dtype=torch.float64)

    def note(module: nn.Module, given: tuple[Tensor, ...], output: Tensor) -> None:
        code = (output > 0).flatten(1).double()
        kernel.add_(code @ code.T + (1 - code) @ (1 - code.T))

    hooks = [layer.register_forward_hook(note) for layer in network.modules() if isinstance(layer, nn.ReLU | nn.ReLU6)]
    with torch.no_grad():
        network.train()(images)
    for hook in hooks:
        hook.remove()
    sign, logarithm = torch.linalg.slogdet(kernel)
    return float(logarithm) if float(sign) > 0 else -math.inf


def zen(network: nn.Module, images: Tensor, labels: Tensor) -> float:
    """How far a small change of the input moves the last map, made good for normalisation; Lin et al. 2021 (arXiv:2102.01063)."""
    maps: list[Tensor] = []
    scale = 0.0

    def variance(module: nn.Module, given: tuple[Tensor, ...]) -> None:
        nonlocal scale
        scale += 0.5 * _log(float(given[0].var((0, 2, 3)).mean()))

    norms = [layer for layer in network.modules() if isinstance(layer, nn.BatchNorm2d)]
    pools = [layer for layer in network.modules() if isinstance(layer, nn.AdaptiveAvgPool2d)]
    last = pools[-1].register_forward_pre_hook(lambda module, given: maps.append(given[0]))
    noise = torch.randn_like(images)
    with torch.no_grad():
        network.train()
        hooks = [layer.register_forward_pre_hook(variance) for layer in norms]
        network(noise)
        for hook in hooks:
            hook.remove()
        network(noise + _NOISE * torch.randn_like(noise))
    last.remove()
    return _log(float((maps[0] - maps[1]).flatten(1).norm(dim=1).mean())) + scale


def gradient_norm(network: nn.Module, images: Tensor, labels: Tensor) -> float:
    """The logarithm of the norm of the loss's gradient; as in Abdelfattah et al. 2021 (arXiv:2101.08134)."""
    gradients = _gradients(network, images, labels)
    return 0.5 * _log(sum(float(each.double().square().sum()) for each in gradients))


def zico(network: nn.Module, images: Tensor, labels: Tensor) -> float:
    """Over layers the log of the sum of mean over deviation of gradients among batches; Li et al. 2023 (arXiv:2301.11300)."""
    parts = [_gradients(network, *part) for part in zip(images.chunk(_PARTS), labels.chunk(_PARTS), strict=True)]
    total = 0.0
    for same in zip(*parts, strict=True):
        if same[0].dim() < 2:
            continue
        stacked = torch.stack([each.flatten().double() for each in same])
        mean, deviation = stacked.abs().mean(0), stacked.std(0, correction=0)
        moving = deviation > 0
        total += _log(float((mean[moving] / deviation[moving]).sum()))
    return total


PROXIES: dict[str, Proxy] = {"synflow": synflow, "naswot": naswot, "zen": zen, "gradient-norm": gradient_norm, "zico": zico}


def _gradients(network: nn.Module, images: Tensor, labels: Tensor) -> list[Tensor]:
    network.train().zero_grad()
    F.cross_entropy(network(images), labels).backward()  # type: ignore[no-untyped-call]
    return [each.grad.clone() for each in network.parameters() if each.grad is not None]


def _log(value: float) -> float:
    return math.log(value) if value > 0 else -math.inf
