"""AZ-NAS: four figures of a network with initial weights, and where it ranks by them; Lee and Ham 2024 (arXiv:2403.19232), Section 3.

The paper ranks all networks that a search has met; here a candidate is ranked among networks that are drawn from the space beforehand, so that
its score depends on nothing else that was tried. Maps that a stride does not divide are padded before they are compared.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...analysis.cost import cost
from ...errors import ConvatlasError
from ...trace import trace
from .scores import ProxyScore
from .training import Report

NAME = "az-nas"
_AMONG = 32  # networks that a candidate is ranked with
_EPSILON = 1e-8


class Figures(NamedTuple):
    """What a network is ranked by; of each more is better."""

    expressivity: float
    progressivity: float
    trainability: float
    complexity: float


@dataclass(frozen=True)
class AzNasScore(ProxyScore):
    """The sum over the four figures of log(rank / networks), the ranks among some networks of the space and the candidate."""

    @property
    def meaning(self) -> str:
        """What it is of."""
        return f"{super().meaning}: sum of the logarithms of four ranks among {_AMONG} networks of the space"

    @cached_property
    def others(self) -> list[Figures]:
        """The figures of the networks that candidates are ranked with."""
        drawn = self.space.draw(_AMONG, np.random.default_rng(0))
        return [self.figures(lambda row=row: self.space.build(self.space.values(row)), 0) for row in drawn.tolist()]  # type: ignore[misc]

    def __getstate__(self) -> dict[str, object]:
        """With the others' figures, so that no process which gets the score counts them again."""
        return vars(self) | {"others": self.others}

    def figures(self, make: Callable[[], nn.Module], seed: int) -> Figures:
        """The figures of the network that ``make`` makes."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return figures(make(), self.batch[0])

    def __call__(self, make: Callable[[], nn.Module], seed: int, report: Report) -> float:
        return ranked([*self.others, self.figures(make, seed)])[-1]


def ranked(found: Sequence[Figures]) -> list[float]:
    """Each network's sum over the figures of log(rank / networks); the best has the highest rank, equal ones their mean."""
    columns = np.array(found, np.float64).T
    ranks = [(column[:, None] > column).sum(1) + ((column[:, None] == column).sum(1) + 1) / 2 for column in columns]
    total: list[float] = np.log(np.array(ranks) / len(found)).sum(axis=0).tolist()
    return total


def figures(network: nn.Module, images: Tensor) -> Figures:
    """The four figures; the network gets new weights.

    Args:
        network: of which each block's output, an (N, C, H, W), is looked at; where there are no blocks, each convolution's.
        images: (N, C, H, W).

    Raises:
        ConvatlasError: there are not two such maps.

    """
    network.train().apply(_initialise)
    maps = _maps(network, images)
    entropies = [expressivity(each.detach()) for each in maps]
    trained = [value for before, after in pairwise(maps) if (value := trainability(before, after)) is not None]
    macs = cost(trace(network, (1, *images.shape[1:]))).macs
    least = min(after - before for before, after in pairwise(entropies))
    return Figures(sum(entropies), least, _mean(trained), float(macs))


def expressivity(features: Tensor) -> float:
    """The entropy of the shares of a map's principal components: at most the logarithm of its channels."""
    columns = features.movedim(1, -1).flatten(0, -2).double()
    columns = columns - columns.mean(0)
    variances = torch.linalg.eigvalsh(columns.T @ columns / len(columns))
    share = variances / variances.sum()
    value = float(-(share * torch.log(share + _EPSILON)).sum())
    return value if math.isfinite(value) else -math.inf


def trainability(before: Tensor, after: Tensor) -> float | None:
    """How close the largest singular value of a block's Jacobian is to 1, which is told by 0; None where the maps do not depend.

    The Jacobian is the mean over images and positions of what random signs behind the block become in front of it, times those signs.
    """
    signs = torch.randint(2, after.shape).to(after) * 2 - 1
    gradient = torch.autograd.grad(after, before, signs, retain_graph=True, allow_unused=True)[0]
    if gradient is None:
        return None
    if gradient.shape == signs.shape and bool((gradient == signs).all()):
        return -math.inf  # an identity
    stride = -(-gradient.shape[2] // signs.shape[2])
    wanted = (signs.shape[2] * stride, signs.shape[3] * stride)
    gradient = F.pad(gradient, (0, wanted[1] - gradient.shape[3], 0, wanted[0] - gradient.shape[2]))
    rows, columns = (each.movedim(1, -1).flatten(0, -2) for each in (F.pixel_unshuffle(gradient, stride), signs))
    largest = float(torch.linalg.svdvals(rows.T @ columns / len(columns)).max())
    return 2 - largest - 1 / (largest + 1e-6)


def _maps(network: nn.Module, images: Tensor) -> list[Tensor]:
    """The outputs of blocks in order, with their graph."""
    found: list[Tensor] = []

    def keep(module: nn.Module, given: object, output: object) -> None:
        if isinstance(output, Tensor) and output.dim() == 4:
            found.append(output)

    hooks = [block.register_forward_hook(keep) for block in _blocks(network) or _convolutions(network)]
    network(images)
    for hook in hooks:
        hook.remove()
    if len(found) < 2:
        raise ConvatlasError(f"`{NAME}` compares the maps behind a network's blocks, and {type(network).__name__} has {len(found)}")
    return found


def _blocks(network: nn.Module) -> list[nn.Module]:
    """The outermost modules in a chain or list that hold others and are no chain themselves."""
    found: list[nn.Module] = []
    for child in network.children():
        chained = isinstance(network, nn.Sequential | nn.ModuleList)
        if chained and next(child.children(), None) is not None and not isinstance(child, nn.Sequential | nn.ModuleList):
            found.append(child)
        else:
            found += _blocks(child)
    return found


def _convolutions(network: nn.Module) -> list[nn.Module]:
    return [layer for layer in network.modules() if isinstance(layer, nn.Conv2d)]


def _initialise(layer: nn.Module) -> None:
    """He-normal by the fan-in, no bias, no change by normalisation; as the paper's code has it."""
    if isinstance(layer, nn.Conv2d | nn.Linear):
        nn.init.kaiming_normal_(layer.weight, mode="fan_in", nonlinearity="relu")
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
    elif isinstance(layer, nn.BatchNorm2d | nn.GroupNorm) and layer.affine:
        nn.init.ones_(layer.weight)
        nn.init.zeros_(layer.bias)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else -math.inf
