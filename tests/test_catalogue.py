"""The catalogue says what the zoo is today."""

from __future__ import annotations

import json

import pytest

import convatlas
from convatlas.catalogue import FILE, GROUP_FIELDS, build, entries, lookup
from convatlas.zoo import REGISTRY

HELP = "the catalogue is not what the zoo is: run `make catalogue`"


def test_it_has_every_network_and_no_other() -> None:
    assert set(entries()) == set(REGISTRY), HELP


def lines(text: str) -> set[str]:
    """Without the comma that all but the last network's line have."""
    return {line.rstrip(",") for line in text.splitlines()}


def test_counting_a_network_of_each_family_anew_gives_its_line() -> None:
    fewest = {entry.family: entry.name for entry in sorted(entries().values(), key=lambda entry: -entry.cost.params)}
    fresh = build.as_text([build.describe(name) for name in fewest.values()])
    different = sorted(lines(fresh) - lines(FILE.read_text(encoding="utf-8")))
    assert [line[:80] for line in different] == [], HELP


@pytest.mark.slow
def test_counting_anew_gives_every_line_of_it() -> None:
    fresh = build.as_text([build.describe(name) for name in REGISTRY])
    different = sorted(lines(fresh) ^ lines(FILE.read_text(encoding="utf-8")))
    assert [line[:80] for line in different] == [], HELP


def test_an_entry_comes_back_as_it_was_written() -> None:
    stored = json.loads(FILE.read_text(encoding="utf-8"))["networks"]
    for name, entry in entries().items():
        assert json.loads(json.dumps(entry.to_json())) == stored[name]


def test_stages_and_ops_add_up_to_the_totals() -> None:
    for entry in entries().values():
        for groups in (entry.cost.stages, entry.cost.ops):
            for key in set(GROUP_FIELDS) - {"name", "calls", "output_shape"}:
                assert sum(getattr(group, key) for group in groups) == getattr(entry.cost, key), (entry.name, key)


def test_its_figures_are_the_published_ones() -> None:
    # parameters: torchvision's model pages, to the unit; MACs: Table 1 of He et al. 2015 says 3.8 x 10^9 for the stride
    # in the 1x1 convolution, torchvision 4.09 for the 3x3; VGG-16 15.47 x 10^9
    assert (lookup("vgg16").cost.params, round(lookup("vgg16").cost.macs / 1e9, 2)) == (138_357_544, 15.47)
    assert (lookup("resnet50").cost.params, round(lookup("resnet50").cost.macs / 1e9, 2)) == (25_557_032, 4.09)
    assert lookup("vgg16").published == {"top1": 74.4, "top5": 91.9}
    final = lookup("vgg16").cost.receptive_field
    assert final is not None
    assert (final.size, final.stride) == ((212, 212), (32, 32))  # Araujo et al. 2019


def test_names_come_in_natural_order_by_pattern() -> None:
    assert convatlas.list_models("vgg1?") == ["vgg11", "vgg13", "vgg16", "vgg19"]
    found = convatlas.list_models("resnet*")
    assert found.index("resnet18") < found.index("resnet50") < found.index("resnet101")


def test_an_unknown_name_gets_the_nearest() -> None:
    with pytest.raises(ValueError, match=r"unknown network 'vgg61': did you mean .*vgg16"):
        lookup("vgg61")
