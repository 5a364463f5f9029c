"""Costs of candidates are sums of parts; they are what a trace of the whole network gives."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn

from convatlas.analysis.cost import cost
from convatlas.analysis.latency import latency
from convatlas.devices.conditions import Conditions
from convatlas.devices.profile import find
from convatlas.search.networks.layers import ConvNorm, Head
from convatlas.search.space import CellSpace, MobileSpace, OwnSpace, RegNetSpace, ResidualSpace, Space
from convatlas.search.tables import Tables, Timing
from convatlas.trace import trace
from convatlas.zoo.registry import build
from convatlas.zoo.regnet import VARIANTS

BATCH = 4


def plain(*, width: tuple[int, ...] = (8, 16), depth: tuple[int, ...] = (1, 2), num_classes: int = 10) -> nn.Module:
    """A space of the user's kind; the annotations are those of the options."""
    assert isinstance(width, int)
    assert isinstance(depth, int)
    blocks = [ConvNorm(width, width, 3, activation=nn.ReLU) for _ in range(depth)]
    return nn.Sequential(ConvNorm(3, width, 3), *blocks, Head(width, num_classes))


SPACES: dict[str, Callable[[], Space]] = {
    "residual": lambda: ResidualSpace((3, 64, 64), 10),
    "residual of photographs": lambda: ResidualSpace((3, 96, 96), 10),
    "mobile": lambda: MobileSpace((1, 28, 28), 10),
    "regnet": lambda: RegNetSpace((3, 65, 65), 10, depths=(12, 13, 17), slopes=(16, 36.44, 96), first_widths=(24, 160)),
    "cells": lambda: CellSpace((3, 33, 33), 10, steps=3),
    "own": lambda: OwnSpace(plain, (3, 32, 32), 10),
}


def check(space: Space, count: int) -> None:
    conditions = Conditions(precision="amp")
    profile = find("rtx4090", conditions)
    index = space.draw(count, np.random.default_rng(0))
    found = Tables(space, Timing(profile=profile, conditions=conditions, batch=BATCH)).costs(index)
    assert found.latency_ms is not None
    for place, row in enumerate(index):
        values = space.values(row.tolist())
        with torch.device("meta"):
            network = space.build(values)
        counted = cost(trace(network, (1, *space.input_size)))
        assert (found.params[place], found.macs[place]) == (counted.params, counted.macs), space.key(values)
        whole = latency(trace(network, (BATCH, *space.input_size)), profile, conditions)
        assert found.latency_ms[place] == pytest.approx(whole.milliseconds, rel=1e-9), space.key(values)


@pytest.mark.parametrize("name", SPACES)
def test_costs_from_tables_are_those_of_the_whole_network(name: str) -> None:
    check(SPACES[name](), 2)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in SPACES if name != "own"])
def test_costs_of_500_candidates(name: str) -> None:
    check(SPACES[name](), 500)


@pytest.mark.parametrize("name", ["regnet_x_200mf", "regnet_x_6_4gf"])
def test_the_line_gives_the_papers_networks(name: str) -> None:
    variant = VARIANTS[name]
    space = RegNetSpace(
        depths=(variant.depth,), first_widths=(variant.w0,), slopes=(variant.wa,), ratios=(variant.wm,),
        group_widths=(variant.group_width,), squeeze=(False,),
    )  # fmt: skip
    found = Tables(space).costs(space.all())
    with torch.device("meta"):
        published = cost(trace(build(name), (1, 3, 224, 224)))
    assert (found.params[0], found.macs[0]) == (published.params, published.macs)
