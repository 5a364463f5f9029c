"""solve: the numbers that papers chose, roots worked out by hand, and what is refused."""

from __future__ import annotations

import math
from typing import Any

import pytest
from torch import nn

import convatlas as ca

# Xie et al. 2016, Table 2: the width of a group at the cost of ResNet's bottleneck of 64
CARDINALITIES = {2: 40, 4: 24, 8: 14, 32: 4}


@pytest.mark.parametrize(("groups", "width"), CARDINALITIES.items())
def test_resnext_has_the_papers_width_for_each_cardinality(groups: int, width: int) -> None:
    found = ca.solve("resnext", "bottleneck", "width", groups=groups)
    assert found.value == width
    # G (2 x 256 c + 9 c^2) = 2 x 256 x 64 + 9 x 64^2, solved by hand
    root = (-512 + math.sqrt(512**2 + 36 * 69632 / groups)) / 18
    assert found.real == pytest.approx(root, rel=1e-9)
    assert found.below.value == math.floor(root)
    assert found.above.value == math.ceil(root)
    assert found.above.macs == 56 * 56 * groups * (512 * found.above.value + 9 * found.above.value**2)


def test_a_budget_that_a_whole_number_meets_has_one_solution() -> None:
    found = ca.solve("bottleneck", "bottleneck", "width")
    assert (found.real, found.value, found.below) == (64.0, 64, found.above)
    assert found.budget == 56 * 56 * 69632


def test_expansion_of_an_inverted_residual() -> None:
    # 56^2 x 24 t (24 + 9 + 24) MACs
    found = ca.solve("inverted_residual", 56**2 * 24 * 57 * 4.5, "expansion")
    assert found.real == pytest.approx(4.5)
    assert (found.below.value, found.above.value, found.within.value) == (4, 5, 4)


def test_growth_rate_of_a_dense_block() -> None:
    # layer l reads 64 + l k channels: 4 k (64 + l k) + 36 k^2 weights a place, l = 0 to 5
    found = ca.solve("dense_block", 56**2 * sum(4 * 20 * (64 + layer * 20) + 36 * 20**2 for layer in range(6)), "growth")
    assert found.value == 20


def test_a_cost_that_falls_with_its_number() -> None:
    # beside the bottleneck: 2 x 256 x 256 / r weights, 256 / r and 256 biases
    plain = ca.solve("bottleneck", "bottleneck", "width", quantity="params").budget
    found = ca.solve("se_bottleneck", plain + 2 * 256 * 32 + 32 + 256, "reduction", quantity="params")
    assert found.value == 8
    assert found.within.value >= 8


def test_a_function_of_ones_own() -> None:
    found = ca.solve(lambda width: nn.Linear(10, width, bias=False), 95, "width", quantity="params", input_size=(10,))
    assert (found.real, found.below.value, found.within.params) == (9.5, 9, 90)


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (("resnet", 1e6, "width"), {}, "unknown block 'resnet'"),
        (("resnext", 1e9, "widht"), {}, "unknown number of resnext 'widht': did you mean width"),
        (("resnext", 1e9, "width"), {"group": 4}, "unknown number of resnext 'group'"),
        (("resnext", 1e9, "width"), {"width": 4}, "is to be found"),
        (("resnext", -1, "width"), {}, r"`budget` \(=-1\) must be a number above 0"),
        (("resnext", 1000, "width"), {}, "width = 1 costs .* already, above the budget of 1,000"),
        (("resnext", 1e9, "width"), {"quantity": "flops"}, "unknown quantity 'flops'"),
        ((lambda n: nn.Linear(4, n), 10, "n"), {}, "one's own block needs an input"),
        (("inverted_residual", 1e9, "kernel"), {"channels": 0}, "cannot be built|must"),
    ],
)
def test_what_cannot_be_solved_is_said(arguments: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ca.ConvatlasError, match=message):
        ca.solve(*arguments, **options)
