"""Names: order, patterns, nearest ones."""

from __future__ import annotations

from convatlas.names import matching, natural_key, unknown_name


def test_numbers_sort_by_value() -> None:
    names = ["resnet101", "resnet18", "b10", "b2", "resnet18_cifar"]
    assert sorted(names, key=natural_key) == ["b2", "b10", "resnet18", "resnet18_cifar", "resnet101"]


def test_a_pattern_matches_whole_names_and_minds_case() -> None:
    assert matching(["vgg16", "vgg11", "my_vgg16", "VGG16"], "vgg*") == ["vgg11", "vgg16"]


def test_without_a_near_name_the_error_tells_the_way_out() -> None:
    assert str(unknown_name("chart", "zzz", ["bars"], "there is bars")) == "unknown chart 'zzz': there is bars"
    assert str(unknown_name("chart", "bers", ["bars"], "there is bars")) == "unknown chart 'bers': did you mean bars?"
