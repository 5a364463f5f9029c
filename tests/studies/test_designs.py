"""Every study's table: networks that work at its sizes, and costs that are as equal as the study says."""

from __future__ import annotations

from functools import cache

import pytest
import torch

import convatlas as ca
from convatlas.studies import Arm, Design, design_of, designs
from convatlas.studies.experiments.compound import BASE, POINTS, Point
from convatlas.studies.networks import residual

ARMS = [pytest.param(design, arm, id=f"{design.name}-{arm.name}") for design in designs().values() for arm in design.arms]


@cache
def macs(study: str, arm: str) -> int:
    design = design_of(study)
    side = round(design.quick.size * design.arm(arm).side_ratio)
    return ca.cost(design.arm(arm).network(1, 10), (1, 1, side, side)).macs


def test_the_notes_experiments_are_all_there() -> None:
    assert set(designs()) == {
        "degradation", "shortcuts", "preactivation", "batchnorm", "auxiliary", "dropout", "cardinality", "squeeze", "kernels",
        "depthwise", "scaling", "compound", "densenet-memory",
    }  # fmt: skip


@pytest.mark.parametrize(("design", "arm"), ARMS)
def test_a_network_learns_from_small_colour_images(design: Design, arm: Arm) -> None:
    network = arm.network(3, 7)
    output = network(torch.rand(2, 3, design.quick.size, design.quick.size))
    logits = output if isinstance(output, torch.Tensor) else output[0]
    assert logits.shape == (2, 7)
    logits.sum().backward()
    auxiliary = {name for name, parameter in network.named_parameters() if parameter.grad is None}
    assert all(name.startswith("aux") for name in auxiliary)


@pytest.mark.parametrize("study", ["cardinality", "depthwise"])
def test_macs_are_equal_where_the_study_says_so(study: str) -> None:
    found = [macs(study, arm.name) for arm in design_of(study).arms]
    assert max(found) / min(found) < 1.05


def test_every_way_of_scaling_doubles_the_macs() -> None:
    for name in ("depth", "width", "resolution", "all-three"):
        assert macs("scaling", name) / macs("scaling", "base") == pytest.approx(2, rel=0.1), name


@pytest.mark.parametrize("point", POINTS, ids=lambda point: point.name)
def test_every_point_of_the_grid_takes_twice_the_macs(point: Point) -> None:
    alpha, beta, gamma = point.factors()
    assert alpha * beta**2 * gamma**2 == pytest.approx(2, rel=0.08)
    base = ca.cost(residual(1, 10, depth=6 * BASE.blocks + 2, width=BASE.width), (1, 1, BASE.side, BASE.side)).macs
    assert macs("compound", point.name) / base == pytest.approx(2, rel=0.08)


@pytest.mark.parametrize(("name", "twin"), [("plain-20", "residual-20"), ("plain-56", "residual-56")])
def test_plain_twins_cost_the_same(name: str, twin: str) -> None:
    assert macs("degradation", name) == macs("degradation", twin)


def test_two_convolutions_of_3x3_see_what_one_of_5x5_sees() -> None:
    design = design_of("kernels")
    small, large = (ca.receptive_field(design.arm(name).network(1, 10), (1, 1, 64, 64)).final for name in ("3x3-3x3", "5x5"))
    assert small.size == large.size
