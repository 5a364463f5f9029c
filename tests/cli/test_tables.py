"""Tables: what is left out and cut when space is short."""

from __future__ import annotations

import pytest

from convatlas.cli.columns import BYTES
from convatlas.cli.tables import Column, Table, abbreviated, shortened

PATHS = ["features.denseblock1.denselayer1.norm1", "features.denseblock1.denselayer2.norm1", "classifier"]


def test_paths_lose_leading_letters_and_keep_their_numbers() -> None:
    assert abbreviated(PATHS, 40) == PATHS
    assert abbreviated(PATHS, 25) == ["f.d1.denselayer1.norm1", "f.d1.denselayer2.norm1", "classifier"]
    assert abbreviated(PATHS, 14) == ["f.d1.d1.norm1", "f.d1.d2.norm1", "classifier"]


def test_no_two_paths_become_one_by_losing_letters() -> None:
    paths = ["block.deep.conv", "block.down.conv"]
    assert abbreviated(paths, 13) == ["b.deep.conv", "b.down.conv"]
    assert len(set(abbreviated(paths, 10))) == 2


def test_a_long_text_is_cut_in_its_middle() -> None:
    assert shortened("adaptive_avg_pool2d", 12) == "adapt..ool2d"
    assert shortened("conv2d", 12) == "conv2d"


def test_columns_of_the_highest_rank_go_first() -> None:
    columns = (
        Column(key="name", title="name", left=True),
        Column(key="a", title="aaaaaaaaaa", rank=2),
        Column(key="b", title="bbbbbbbbbb"),
        Column(key="c", title="cccccccccc", rank=1),
    )
    table = Table(columns=columns, rows=[{"name": "x", "a": 1, "b": 2, "c": 3}])
    heads = [table.to_lines(width)[0].text.split() for width in (80, 30, 20, 5)]
    assert heads[0] == ["name", "aaaaaaaaaa", "bbbbbbbbbb", "cccccccccc"]
    assert heads[1] == ["name", "bbbbbbbbbb", "cccccccccc"]
    assert heads[2][1:] == heads[3][1:] == ["bbbbbbbbbb"]


def test_names_can_be_told_apart_on_the_narrowest_terminal() -> None:
    columns = (Column(key="name", title="name", left=True), Column(key="a", title="a"))
    lines = Table(columns=columns, rows=[{"name": f"network{i}{i}{i}", "a": 10**9} for i in range(9)]).to_lines(5)
    assert len({line.text for line in lines[2:]}) == 9


@pytest.mark.parametrize(
    ("width", "last"),
    [(60, ""), (41, "Left out at 41 columns: cccc, dddd"), (32, "Left out: cccc, dddd"), (19, "Left out: 2 columns")],
)
def test_what_is_left_out_is_said_in_one_line_that_fits(width: int, last: str) -> None:
    columns = (
        Column(key="name", title="name", left=True, most=16),
        Column(key="c", title="cccc", rank=1),
        Column(key="d", title="dddd", rank=1),
    )
    lines = Table(columns=columns, rows=[{"name": "n" * 50, "c": 10**12, "d": 10**12}]).to_lines(width)
    assert lines[-1].text.startswith(last)
    assert len(lines[-1].text) <= width


@pytest.mark.parametrize(("value", "unit", "text"), [(100, "(B)", "100"), (2**20, "(KiB)", "1,024.0"), (2**31, "(MiB)", "2,048.0")])
def test_the_unit_follows_the_largest_value(value: int, unit: str, text: str) -> None:
    table = Table(
        columns=[Column(key="name", title="n"), Column(key="b", title="b", scales=BYTES)], rows=[{"name": "x", "b": value}]
    )
    lines = [line.text.split() for line in table.to_lines(80)]
    assert lines[1] == [unit]
    assert lines[-1] == ["x", text]


def test_zero_is_a_dash_and_unknown_a_question_mark() -> None:
    table = Table(
        columns=[Column(key="name", title="n"), Column(key="b", title="b", scales=BYTES)],
        rows=[{"name": "x", "b": 0}, {"name": "y", "b": None}],
    )
    assert [line.text.split()[-1] for line in table.to_lines(80)[-2:]] == ["-", "?"]
