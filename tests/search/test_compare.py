"""Two spaces compared: distribution functions by hand, intervals that hold as often as they say, networks within the limits."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from convatlas.cli import main
from convatlas.errors import ConvatlasError
from convatlas.search import Limits
from convatlas.search.compare import Comparison, Drawn, compare_spaces, compared
from convatlas.search.space import MobileSpace, ResidualSpace


def drawn(name: str, values: list[float]) -> Drawn:
    return Drawn(name, len(values), [], np.sort(np.array(values)))


def of(first: list[float], second: list[float], *, errors: bool = True) -> Comparison:
    return compared((drawn("a", first), drawn("b", second)), "error (%)", errors, Limits())


def tiny(*depths: int) -> ResidualSpace:
    return ResidualSpace((1, 8, 8), 10, stem=8, widths=((4, 8), (8, 16)), depths=depths or (1, 2), ratios=(1,), groups=(1, 2))


def test_a_distribution_function_is_the_share_that_is_at_least_as_good() -> None:
    found = of([4.0, 2.0, 2.0, 1.0], [3.0, 5.0])
    function = found.distribution(found.drawn[0])
    assert function.values.tolist() == [1, 2, 2, 4]
    assert function.share.tolist() == [0.25, 0.75, 0.75, 1]
    # of four networks drawn again a given one is among them k times, binomial (4, 1/4): none has a chance of 0.32, more than 0.025
    assert (function.low[0], function.high[-1]) == (0, 1)
    assert found.distance == 0.75  # at 2 three of four networks are as good, and none of two
    assert found.difference == -2


def test_of_scores_more_is_better() -> None:
    found = of([4.0, 2.0, 1.0], [3.0, 5.0], errors=False)
    function = found.distribution(found.drawn[0])
    assert (function.values.tolist(), function.share.tolist()) == ([4, 2, 1], [1 / 3, 2 / 3, 1])


def test_an_interval_excludes_no_difference_as_seldom_as_it_says() -> None:
    random = np.random.default_rng(0)
    wrong = sum(of(random.normal(size=30).tolist(), random.normal(size=30).tolist()).better is not None for _ in range(60))
    assert wrong <= 7  # 3 are expected; more than 7 have a chance of 2 %


def test_which_space_is_better_is_said_with_its_interval() -> None:
    random = np.random.default_rng(0)
    low, high = random.normal(10, 1, 40).tolist(), random.normal(12, 1, 40).tolist()
    assert (of(low, high).better, of(high, low).better) == ("a", "b")
    assert (of(low, high, errors=False).better, of(high, low, errors=False).better) == ("b", "a")
    assert of(low, high).sentence().startswith("a has the lower median error: ")
    assert "The distributions differ (Kolmogorov-Smirnov: largest distance 0.80, p = " in of(low, high).sentence()
    assert of(low, low).sentence().startswith("It cannot be told which is better: a has a median error of ")


def test_networks_lie_in_the_band_and_come_once() -> None:
    limits = Limits(min_macs=100_000, max_macs=200_000, min_params=1000)
    told: list[tuple[int, int, str]] = []
    found = compare_spaces(
        {"deep": tiny(2), "any": tiny()}, limits=limits, score="naswot", networks=6, progress=lambda *each: told.append(each)
    )
    for each in found.drawn:
        assert len({row.candidate.key for row in each.rows}) == len(each.values) == 6
        assert all(100_000 <= row.candidate.macs <= 200_000 for row in each.rows)
    assert told[-1][:2] == (12, 12)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"spaces": {"a": tiny()}}, "two spaces are compared, and these are 1: a"),
        ({"networks": 1}, "`networks` .=1. must be at least 2"),
        ({"limits": Limits(max_macs=10)}, "no network of residual was found within the limits"),
        ({"limits": Limits(min_macs=1e12)}, "MACs .1e.02 % too little."),
    ],
)
def test_what_cannot_be_compared_is_said(change: dict[str, object], message: str) -> None:
    asked: dict[str, object] = {"spaces": {"a": tiny(), "b": MobileSpace((1, 8, 8), 10)}, "score": "naswot", "networks": 2} | change
    with pytest.raises(ConvatlasError, match=message):
        compare_spaces(**asked)  # type: ignore[arg-type]


def test_a_band_that_is_upside_down_is_refused() -> None:
    with pytest.raises(ConvatlasError, match=r"`min_macs` \(=2e\+06\) is above `max_macs` \(=1e\+06\), which nothing keeps"):
        Limits(min_macs=2e6, max_macs=1e6)


def test_the_command_draws_both_and_says_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    code = "from convatlas.search.space import ResidualSpace\n" + "".join(
        f"{name} = ResidualSpace((1, 8, 8), 10, stem=8, widths=((4, 8),), depths={depths}, ratios=(1,), groups=(1,))\n"
        for name, depths in (("deep", "(2, 3)"), ("flat", "(1,)"))
    )
    (tmp_path / "own.py").write_text(code)
    asked = ["space", f"{tmp_path}/own.py:deep", f"{tmp_path}/own.py:flat", "--score", "naswot", "--networks", "2", "-o"]
    assert main([*asked, str(tmp_path / "out")]) == 0
    said, told = capsys.readouterr()
    assert "4 of 4 done (flat, trial 1: " in told
    assert max(map(len, said.splitlines()[:-1])) <= 80  # the last one has a long path
    assert "1: deep; 2: flat" in said
    assert "Kolmogorov-Smirnov" in said
    ElementTree.fromstring((tmp_path / "out" / "distribution.svg").read_text())
    assert (tmp_path / "out" / "distribution.png").read_bytes().startswith(b"\x89PNG")
    assert main([*asked, str(tmp_path / "out"), "--json"]) == 0
    said, told = capsys.readouterr()
    assert not told  # everything was there
    data = json.loads(said)
    rows = list(csv.DictReader((tmp_path / "out" / "rows.csv").read_text().splitlines()))
    assert [row["space"] for row in rows] == [row["space"] for row in data["rows"]] == ["deep"] * 2 + ["flat"] * 2
    assert data["spaces"][0]["best"] == max(row["score"] for row in data["rows"][:2])
