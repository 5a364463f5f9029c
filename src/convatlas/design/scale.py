"""Scale: a network of the zoo made wider, deeper, or for larger images; or the largest of its kind that keeps a budget."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Literal, get_args

import torch
from torch import nn

from ..analysis.cost import cost
from ..errors import ConvatlasError
from ..models import load
from ..models.tracing import own_size
from ..trace import trace
from ..zoo import REGISTRY
from .budget import CLOSE, Budget, bracket, budget_of, largest_within

By = Literal["compound", "width", "depth", "resolution"]
ALPHA, BETA, GAMMA = 1.2, 1.1, 1.15  # depth, width, resolution of EfficientNet: alpha beta^2 gamma^2 is about 2
_DOUBLINGS = 8.0  # how far is looked, each way
_WIDER = 0.3  # how many doublings of the width make up for a depth that is too coarse, at most
_DEPTHS = (1.0, 0.9, 1.1, 0.8, 1.25)  # factors of the depth that are tried until one comes close
_DIGITS = 4  # of a factor, so that what is printed makes the same network


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaling:
    """What was done to a network.

    Attributes:
        model: the word for it.
        width, depth: factors.
        resolution: of the images, in pixels.
        budget: that it was scaled to; None where factors were given.
        reached: how much of the budget it costs.

    """

    model: str
    width: float
    depth: float
    resolution: int
    budget: Budget | None = None
    reached: float | None = None

    @property
    def call(self) -> str:
        """The call that makes the network again."""
        return f'ca.scale("{self.model}", width={self.width:g}, depth={self.depth:g}, resolution={self.resolution})'

    @property
    def in_words(self) -> str:
        """What was reached of the budget, and whether that is the nearest step below it."""
        if self.budget is None or self.reached is None:
            return f"{self.model} at {self.width:g} x width, {self.depth:g} x depth, {self.resolution} px"
        share = self.reached / self.budget.most
        step = "" if share >= 1 - CLOSE else "; the family's next step lies above it"
        return f"{self.budget.show(self.reached)}: {100 * share:.1f} % of the budget of {self.budget.show(self.budget.most)}{step}"


def scale(
    model: str,
    *,
    width: float = 1.0,
    depth: float = 1.0,
    resolution: int | None = None,
    phi: float | None = None,
    to_macs: float | None = None,
    to_params: float | None = None,
    to_latency_ms: float | None = None,
    to_train_memory_bytes: int | str | None = None,
    by: By | None = None,
    compound: tuple[float, float, float] = (ALPHA, BETA, GAMMA),
    device: str | None = None,
    batch: int = 1,
    precision: str = "amp",
) -> nn.Module:
    """A network made wider, deeper or for larger images, on the meta device; ``.cost``, ``.input_size`` and ``.scaling`` tell what it is.

    ``network.to_empty(device="cpu").init_weights()`` gives it memory and fresh weights.

    Args:
        model: a network of the zoo; with ``resolution`` alone any word for one.
        width: factor of the channels, rounded as the family's paper does.
        depth: factor of the blocks in a stage, rounded up.
        resolution: of square images, in pixels; by default the network's own.
        phi: compound scaling by alpha^phi x depth, beta^phi x width, gamma^phi x resolution.
        to_macs: a budget for one image, reached as closely as the family's steps allow, and never exceeded; so are the next three.
        to_params: a number of parameters.
        to_latency_ms: for one batch on ``device``, predicted.
        to_train_memory_bytes: the peak of a training step of one batch, as 8 * 2**30 or "8GiB".
        by: what grows towards the budget: "compound" (by default where the family has a rule for both), "width", "depth" or "resolution".
        compound: alpha, beta and gamma; by default EfficientNet's.
        device: one with a profile for a time; "cuda" (by default) or "cpu" for training memory.
        batch: of time and training memory.
        precision: of both, as "amp" or "fp32".

    Raises:
        ConvatlasError: an impossible factor, no rule for the family, or a budget below its smallest network.

    """
    kind = _kind(model)
    budget = budget_of(
        to_macs=to_macs, to_params=to_params, to_latency_ms=to_latency_ms, to_train_memory_bytes=to_train_memory_bytes,
        device=device, batch=batch, precision=precision,
    )  # fmt: skip
    _check(width, depth, resolution, phi, by, budget)
    if min(compound) < 1 or len(compound) != 3:
        raise ConvatlasError(f"`compound` (={compound}) are alpha, beta and gamma, three numbers of at least 1")
    side = kind.side if resolution is None else resolution
    start = Scaling(model=model, width=float(width), depth=float(depth), resolution=side)
    if budget is None:
        return kind.network(start if phi is None else _compound(start, phi, compound))
    return kind.network(_solved(kind, start, budget, by or kind.usual, compound))


@dataclass(frozen=True)
class _Kind:
    """What can be made of a word: networks of factors of width and depth, for images of some channels."""

    make: Callable[[float, float], nn.Module]
    channels: int
    side: int
    usual: By

    def network(self, scaling: Scaling) -> nn.Module:
        """The network, with what is known of it as attributes."""
        module = self.make(scaling.width, scaling.depth)
        size = (self.channels, scaling.resolution, scaling.resolution)
        counted = cost(trace(module, (1, *size)))
        for name, value in (("input_size", size), ("cost", counted), ("scaling", scaling)):
            setattr(module, name, value)
        return module

    def costs(self, scaling: Scaling, budget: Budget) -> float | None:
        """What it costs; None where images are too small for it."""
        size = (self.channels, scaling.resolution, scaling.resolution)
        try:
            return budget.of(self.make(scaling.width, scaling.depth), size)
        except ConvatlasError:
            return None


def _kind(model: str) -> _Kind:
    if not isinstance(model, str):
        raise ConvatlasError(f"a network is scaled by its builder, so name one of the zoo; got {type(model).__name__}")
    found = REGISTRY.get(model)
    if found is None:
        loaded = load(model)
        channels, *sides = own_size(loaded)
        return _Kind(_fixed(model, loaded.module), channels, sides[-1], "resolution")
    if found.scaled is None:
        with torch.device("meta"):
            plain = found.build()
        return _Kind(_fixed(model, plain), found.input_size[0], found.input_size[-1], "resolution")
    rule = found.scaled

    @cache
    def make(width: float, depth: float) -> nn.Module:
        with torch.device("meta"):
            return rule(width, depth)().eval()

    try:
        rule(1.0, 2.0)
    except ConvatlasError:
        usual: By = "width"
    else:
        usual = "compound"
    return _Kind(make, found.input_size[0], found.input_size[-1], usual)


def _fixed(model: str, module: nn.Module) -> Callable[[float, float], nn.Module]:
    """A network that has no rule for its width and depth."""

    def make(width: float, depth: float) -> nn.Module:
        if (width, depth) != (1.0, 1.0):
            having = ", ".join(sorted({found.family for found in REGISTRY.values() if found.scaled}))
            raise ConvatlasError(
                f"{model} has no rule for width and depth, its resolution alone scales; families that have one: {having}"
            )
        return module.eval()

    return make


def _check(width: float, depth: float, resolution: int | None, phi: float | None, by: str | None, budget: Budget | None) -> None:
    for name, factor in (("width", width), ("depth", depth)):
        if isinstance(factor, bool) or not isinstance(factor, int | float) or not 0 < factor < math.inf:
            raise ConvatlasError(f"`{name}` (={factor!r}) must be a number above 0")
    if resolution is not None and (isinstance(resolution, bool) or not isinstance(resolution, int) or resolution < 1):
        raise ConvatlasError(f"`resolution` (={resolution!r}) must be a whole number of pixels")
    if phi is not None and (budget is not None or not math.isfinite(phi)):
        raise ConvatlasError(f"`phi` (={phi}) is a number, and leaves no budget to be reached; leave one of them out")
    if by is not None and by not in get_args(By):
        raise ConvatlasError(f"unknown `by` (={by!r}): choose {', '.join(get_args(By))}")
    if by is not None and budget is None:
        raise ConvatlasError(f"`by` (={by}) says what grows towards a budget; name one, as to_macs=400e6")
    if by == "resolution" and budget is not None and budget.quantity == "params":
        raise ConvatlasError("the number of parameters does not depend on the resolution; scale by width, depth or compound")


def _compound(start: Scaling, phi: float, coefficients: tuple[float, float, float]) -> Scaling:
    alpha, beta, gamma = coefficients
    side = max(1, round(start.resolution * gamma**phi))
    return replace(_times(start, width=beta**phi, depth=alpha**phi), resolution=side)


def _times(start: Scaling, *, width: float = 1.0, depth: float = 1.0) -> Scaling:
    return replace(start, width=round(start.width * width, _DIGITS), depth=round(start.depth * depth, _DIGITS))


def _solved(kind: _Kind, start: Scaling, budget: Budget, by: By, coefficients: tuple[float, float, float]) -> Scaling:
    """The largest network of the kind within the budget; where images count, the last part is made up by their size."""
    alpha, beta, gamma = coefficients
    per_doubling = math.log(2) / math.log(max(alpha * beta**2 * gamma**2, 1.01))
    along: dict[str, Callable[[float], Scaling]] = {
        "compound": lambda place: _compound(start, place * per_doubling, coefficients),
        "width": lambda place: _times(start, width=2**place),
        "depth": lambda place: _times(start, depth=2**place),
        "resolution": lambda place: replace(start, resolution=max(1, round(start.resolution * 2**place))),
    }

    @cache
    def cost_at(place: float) -> float | None:
        return kind.costs(along[by](place), budget)

    place = largest_within(cost_at, budget.most, *bracket(cost_at, budget.most, _DOUBLINGS))
    if place is None:
        least = along[by](-_DOUBLINGS)
        known = kind.costs(least, budget)
        told = f"; its smallest network costs {budget.show(known)}" if known is not None else ""
        raise ConvatlasError(f"no {start.model} scaled by {by} keeps {budget.show(budget.most)}{told}")
    found = along[by](place)
    if by == "compound":
        found = _filled(kind, found, budget)
    return replace(found, budget=budget, reached=kind.costs(found, budget))


def _filled(kind: _Kind, found: Scaling, budget: Budget) -> Scaling:
    """As wide, and then for images as large, as the budget leaves room for; with other depths nearby where that is not close enough."""
    best, most = found, 0.0
    for share in _DEPTHS:
        start = _times(found, depth=share)
        place = largest_within(partial(_cost_of_wider, kind, start, budget), budget.most, -_WIDER, _WIDER, steps=7)
        if place is None:
            continue
        made = _enlarged(kind, _times(start, width=2**place), budget)
        reached = kind.costs(made, budget) or 0.0
        if reached > most:
            best, most = made, reached
        if most >= (1 - CLOSE) * budget.most:
            break
    return best


def _cost_of_wider(kind: _Kind, start: Scaling, budget: Budget, place: float) -> float | None:
    return kind.costs(_times(start, width=2**place), budget)


def _enlarged(kind: _Kind, found: Scaling, budget: Budget) -> Scaling:
    side = found.resolution
    while budget.quantity != "params" and side < 2 * found.resolution:
        costs = kind.costs(replace(found, resolution=side + 1), budget)
        if costs is None or costs > budget.most:
            break
        side += 1
    return replace(found, resolution=side)
