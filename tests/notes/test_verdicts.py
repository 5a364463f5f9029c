"""Verdicts are what recomputing by hand gave: the ARITH columns and remarks of figures.md, and the text of the notes."""

from __future__ import annotations

import re

import pytest

from convatlas.notes import Claim, Published, Record
from convatlas.notes.run import judge

CONFLICTS = {  # what figures.md marks as wrong, with what is right
    "alexnet.conv4.flop": 149_520_384,
    "alexnet.fc6.typo": 37_752_832,
    "vgg.stages": "2, 2, 3, 3, 3",
    "alexnet_vgg.macs.vgg": 15_470_264_320,
    "alexnet_vgg.memory.vgg": 54_190_080,
    "googlenet.stem.macs": 477_675_520,
    "googlenet.vgg.macs": 9_335_144_448,
    "googlenet.vgg.params": 1_735_488,
    "googlenet_head.fc.memory": 4_000,
    "resnext.without_g": 4.0,
}
FOUND_WRONG_BESIDES = {  # what the notes say and the networks do not
    "alexnet.channels": "64, 192, 384, 256, 256",
    "zfnet.field": 139 / 163,
    "zfnet.widths": "384, 384, 256",
    "googlenet.inception.pool": 0,
    "resnet.bottleneck.input": "1, 2, 2, 2",
}


@pytest.mark.parametrize(("claim", "right"), [*CONFLICTS.items(), *FOUND_WRONG_BESIDES.items()])
def test_wrong_published_numbers_are_found_wrong(claim: str, right: float | str, records: dict[str, Record]) -> None:
    assert records[claim].verdict == "differs"
    assert records[claim].computed == (pytest.approx(right) if isinstance(right, float) else right)


def test_what_was_recomputed_by_hand_holds(records: dict[str, Record]) -> None:
    """Values whose source is arithmetic were not printed anywhere: they must hold to their last digit."""
    wrong = [record for record in records.values() if record.claim.found == "arithmetic" and record.verdict == "differs"]
    assert not [record.claim.id for record in wrong]


def test_arithmetic_column_of_the_alexnet_table(figures: str, records: dict[str, Record]) -> None:
    seen = 0
    for line in figures.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if re.fullmatch(r"(conv|pool)\d", cells[0]) and len(cells) == 13:
            memory, params, macs = (part.split()[0].replace(",", "") for part in cells[-1].split("/")[:3])
            layer = f"alexnet.{cells[0]}"
            assert records[f"{layer}.memory"].computed == float(memory) * 1024
            assert records[f"{layer}.params"].computed == int(params)
            assert records[f"{layer}.flop"].computed == int(macs)
            seen += 1
    assert seen == 8


@pytest.mark.parametrize(
    ("claim", "verdict"),
    [
        ("memory.params", "holds as rounded"),
        ("memory.param_bytes", "holds as rounded"),
        ("memory.batch", "holds as rounded"),
        ("memory.sum", "holds as rounded"),
        ("memory.peak", "differs"),
        ("vgg.two3.macs", "holds"),
        ("resnet.bottleneck", "holds"),
        ("resnet.fifty_shortcuts", "holds"),
        ("senet.last_stage", "holds as rounded"),
        ("senet.time.se", "not computable"),
        ("search.gpus", "not computable"),
    ],
)
def test_verdict(claim: str, verdict: str, records: dict[str, Record]) -> None:
    assert records[claim].verdict == verdict


@pytest.mark.parametrize(
    ("published", "computed", "verdict"),
    [
        (Published(text="784", unit="KB"), 784 * 1024, "holds"),
        (Published(text="182", unit="KB"), 182.25 * 1024, "holds as rounded"),
        (Published(text="145", unit="M MACs"), 149_520_384, "differs"),
        (Published(text="3.8", unit="G MACs"), 3_858_000_000, "differs"),
        (Published(text="10", unit="%"), 0.099, "holds as rounded"),
        (Published(text="138,357,544", unit="params"), 138_357_544, "holds"),
        (Published(text="2, 2, 3"), "2, 2, 3", "holds"),
        (Published(text="1", unit="x", relation="<"), 1.0, "differs"),
        (Published(text="1", unit="x", relation=">"), 1.01, "holds"),
    ],
)
def test_judging(published: Published, computed: float | str, verdict: str) -> None:
    claim = Claim(id="a", section="alexnet", text_en="", text_zh="", published=published, compute=lambda: computed, found="slide")
    assert judge(claim, computed) == verdict
