"""Axes have at least three marks, whatever the values; shortened names keep what tells them apart."""

from __future__ import annotations

import pytest

from convatlas.report.axes import LEAST_MARKS, last_parts, log_domain, log_marks, shortened, whole_marks

RANGES = [(1, 1), (3, 3.1), (0.5, 240), (146, 3_904), (95, 990), (1e-3, 1e12), (7.1e6, 7.3e6), (9.99, 10.01)]


@pytest.mark.parametrize(("low", "high"), RANGES)
def test_a_logarithmic_axis_holds_its_values_and_at_least_three_marks(low: float, high: float) -> None:
    start, end = log_domain([low, high])
    marks = log_marks(start, end)
    assert start < low <= high < end
    assert LEAST_MARKS <= len(marks) <= 12
    assert all(start <= mark <= end for mark in marks)
    assert marks == sorted(set(marks))


@pytest.mark.parametrize("highest", [1, 2, 3, 9, 17, 128, 1_000, 31_999])
def test_an_axis_of_whole_numbers_has_at_least_three_marks(highest: int) -> None:
    marks = whole_marks(highest)
    assert marks[0] == 0
    assert LEAST_MARKS <= len(marks) <= 9


def test_names_are_cut_where_they_are_alike() -> None:
    assert shortened("resnet50", 20) == "resnet50"
    assert len(shortened("torchvision:mobilenet_v3_large", 20)) == 20
    assert shortened("torchvision:mobilenet_v3_large", 20).endswith("_v3_large")
    assert last_parts("stages.2.blocks.7.mlp.fc1", 14) == "7.mlp.fc1"
    assert last_parts("a_module_with_a_long_name", 14) == shortened("a_module_with_a_long_name", 14)
