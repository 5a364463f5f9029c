"""A pattern stands for the names that it matches, wherever names are taken."""

from __future__ import annotations

import json

import pytest

from convatlas.cli.wildcards import expanded, is_pattern
from convatlas.models.library_names import library_names


def compared(run, *args: str) -> list[str]:
    return [network["name"] for network in json.loads(run("compare", *args, "--json").out)["networks"]]


def test_matches_stand_in_natural_order_in_the_patterns_place(run) -> None:
    assert compared(run, "alexnet", "vgg1?", "resnet18") == ["alexnet", "vgg11", "vgg13", "vgg16", "vgg19", "resnet18"]


def test_a_network_that_is_named_as_well_stands_where_it_is_named(run) -> None:
    assert compared(run, "vgg16", "VGG1?") == ["vgg16", "vgg11", "vgg13", "vgg19"]
    assert compared(run, "vgg1?", "vgg1[69]", "vgg13") == ["vgg11", "vgg16", "vgg19", "vgg13"]


def test_how_many_it_matches_is_said_beside_the_table(run) -> None:
    result = run("compare", "vgg1?", "alexnet*", "--json")
    assert result.err == "'vgg1?' matches 4 networks\n'alexnet*' matches 2 networks\n"
    json.loads(result.out)


def test_where_one_network_is_asked_for_a_pattern_may_match_one(run) -> None:
    assert run("show", "vgg16_c*").out == run("show", "vgg16_c").out != ""
    result = run("show", "vgg*")
    assert result.status == 2
    for words in ("'vgg*'", "9 networks", "vgg11, vgg11_bn", "convatlas compare"):
        assert words in result.err


def test_a_librarys_networks_are_counted_by_pattern(run) -> None:
    pytest.importorskip("torchvision")
    assert compared(run, "torchvision:resnet[135]?") == [f"torchvision:resnet{depth}" for depth in (18, 34, 50)]


@pytest.mark.parametrize(
    ("pattern", "told"),
    [("wombat*", "'wombat*'"), ("vg16*", "vgg16"), ("torchvision:wombat*", "'wombat*'"), ("timm:*", "narrow"), ("list:*", "list")],
)
def test_what_matches_nothing_or_too_much_is_refused(pattern: str, told: str, run) -> None:
    result = run("compare", pattern)
    assert (result.status, result.out) == (2, "")
    assert told in result.err


def test_the_one_of_several_that_cannot_be_counted_is_named(run) -> None:
    result = run("compare", "vgg11", "googl*", "--input", "3x8x8")
    assert (result.status, result.out) == (2, "")
    assert "error: vgg11: " in result.err


def test_a_library_that_is_not_installed_is_named_with_the_way_to_install_it(run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("convatlas.cli.wildcards.library_names", lambda library: [])
    assert "pip install timm" in run("compare", "timm:resnet*").err


def test_files_and_places_in_code_are_no_patterns() -> None:
    for model in ("net[1].py:Net", "graphs/*.json", "package.module:Net", "resnet50"):
        assert not is_pattern(model)
    assert expanded(["graphs/*.json", "net?.py:Net"]) == ["graphs/*.json", "net?.py:Net"]


@pytest.mark.parametrize("library", ["torchvision", "timm"])
def test_the_names_read_from_a_librarys_source_are_those_it_lists_itself(library: str) -> None:
    models = pytest.importorskip(library).models if library == "torchvision" else pytest.importorskip(library)
    assert set(library_names(library)) == set(models.list_models())
