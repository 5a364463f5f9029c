"""Drawings of data flows: what reads stands below, nothing lies on anything else, and the main path runs straight."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from convatlas.report.diagram.layout import arrange


@st.composite
def flows(draw: st.DrawFn) -> list[list[int]]:
    """What each box reads, boxes in topological order."""
    count = draw(st.integers(1, 14))
    choose = [st.lists(st.integers(0, box - 1), unique=True, max_size=3) if box else st.just([]) for box in range(count)]
    return [sorted(draw(one)) for one in choose]


@given(flows())
def test_every_edge_is_drawn_and_goes_down(flow: list[list[int]]) -> None:
    layout = arrange(flow)
    assert sorted((edge.source, edge.target) for edge in layout.edges) == sorted(
        (s, box) for box, found in enumerate(flow) for s in found
    )
    assert all(layout.ranks[edge.source] < layout.ranks[edge.target] for edge in layout.edges)


@given(flows())
def test_no_two_boxes_share_a_place(flow: list[list[int]]) -> None:
    layout = arrange(flow)
    places = list(zip(layout.ranks, layout.lanes, strict=True))
    assert len(places) == len(set(places))


@given(flows())
def test_no_edge_runs_through_a_box(flow: list[list[int]]) -> None:
    layout = arrange(flow)
    boxes = set(zip(layout.ranks, layout.lanes, strict=True))
    for edge in layout.edges:
        passed = {(rank, edge.lane) for rank in range(layout.ranks[edge.source] + 1, layout.ranks[edge.target])}
        assert not passed & boxes


def test_a_shortcut_passes_the_main_path_at_its_right() -> None:
    layout = arrange([[], [0], [1], [2, 0]])  # in, conv, conv, add of conv and in
    assert layout.lanes == [0, 0, 0, 0]
    assert layout.ranks == [0, 1, 2, 3]
    assert {(edge.source, edge.target): edge.lane for edge in layout.edges} == {(0, 1): 0, (1, 2): 0, (2, 3): 0, (0, 3): 1}


def test_branches_stand_side_by_side() -> None:
    layout = arrange([[], [0], [0], [2], [0], [1, 3, 4]])  # in; 1x1; 3x3 after 1x1; 1x1; concat
    assert layout.ranks == [0, 1, 1, 2, 1, 3]
    assert layout.lanes[2] == layout.lanes[3] == layout.lanes[5] == layout.lanes[0] == 0  # the longest branch is the main path
    assert sorted((layout.lanes[1], layout.lanes[4])) == [1, 2]
