"""What a space says of its candidates, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from convatlas.errors import ConvatlasError
from convatlas.models.usercode import attribute_of
from convatlas.search.space import SPACES, CellSpace, Choice, MobileSpace, OwnSpace, RegNetSpace, ResidualSpace, space_of


@pytest.mark.parametrize("name", SPACES)
def test_a_winners_text_makes_the_same_network_without_convatlas(name: str) -> None:
    space = SPACES[name]((3, 32, 32), 10)
    values = space.values(space.draw(1, np.random.default_rng(1))[0].tolist())
    text = space.source(values)
    assert "convatlas" not in text
    names: dict[str, object] = {"__name__": "winner"}
    with torch.device("meta"):
        exec(compile(text, "winner.py", "exec"), names)
        made = names["winner"]()  # type: ignore[operator]
        known = space.build(values)
    shapes = {key: value.shape for key, value in made.state_dict().items()}
    assert shapes == {key: value.shape for key, value in known.state_dict().items()}


@pytest.mark.parametrize("name", SPACES)
def test_networks_make_a_logit_a_class(name: str) -> None:
    space = SPACES[name]((1, 12, 12), 5)
    values = space.values(space.draw(1, np.random.default_rng(2))[0].tolist())
    with torch.device("meta"):
        assert space.build(values)(torch.zeros(2, 1, 12, 12)).shape == (2, 5)


def test_candidates_that_are_one_network_have_one_key() -> None:
    space = CellSpace((3, 32, 32), 10, steps=1)
    values = space.values([0] * len(space.choices))
    one, other = (
        {**values, "normal1.left": left, "normal1.right": right} for left, right in (("max3", "mean3"), ("mean3", "max3"))
    )
    assert space.key(one) == space.key(other)
    line = RegNetSpace(slopes=(16, 16.01))
    first = line.values([0] * len(line.choices))
    assert line.key(first) == line.key({**first, "slope": 16.01})


def test_rows_and_values_are_one_another() -> None:
    space = MobileSpace()
    row = space.draw(1, np.random.default_rng(3))[0].tolist()
    assert space.positions(space.values(row)) == row
    assert len(ResidualSpace((1, 8, 8), 10, widths=((4, 8),), depths=(1,), ratios=(1, 2), groups=(1,)).all()) == 8


def own(*, width: tuple[int, ...] = (8, 10), groups: tuple[int, ...] = (1, 4)) -> nn.Module:
    """A space of which one combination is no network."""
    assert isinstance(width, int)
    assert isinstance(groups, int)
    return nn.Sequential(nn.Conv2d(3, width, 1), nn.Conv2d(width, width, 1, groups=groups))


def test_a_combination_that_builds_nothing_names_the_choice() -> None:
    space = OwnSpace(own)
    assert isinstance(space.build({"width": 8, "groups": 4}), nn.Module)
    with pytest.raises(ConvatlasError, match="the option 10 of `width` does not go with the others"):
        space.build({"width": 10, "groups": 4})


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Choice(name="width", options=()), "width has no option"),
        (lambda: Choice(name="width", options=(8, 8)), "width has an option twice"),
        (lambda: ResidualSpace(widths=((32, 36),), ratios=(2,), groups=(4,)), "stage1.groups` .=4. must divide the 18 channels"),
        (lambda: ResidualSpace(widths=((32, 33),), ratios=(2,), groups=(1,)), "stage1.ratio` .=2. must divide the option 33"),
        (lambda: MobileSpace(kernels=(3, 4)), "kernel` .=4. must be odd"),
        (lambda: MobileSpace(expansions=(0, 4)), "expansion` .=0. must be at least 1"),
        (lambda: RegNetSpace(ratios=(1.0,)), "ratio` .=1.0. must be above 1"),
        (lambda: CellSpace(operations=("separable4",)), "unknown operation 'separable4'"),
        (lambda: OwnSpace(lambda: nn.Identity()), "has no choice"),
        (lambda: space_of("mobil"), "unknown space 'mobil': did you mean mobile"),
        (lambda: MobileSpace().positions({"stage9.width": 3}), "unknown choice of mobile 'stage9.width'"),
    ],
)  # fmt: skip
def test_bad_spaces_are_refused(make: object, message: str) -> None:
    with pytest.raises(ConvatlasError, match=message):
        make()  # type: ignore[operator]


@pytest.mark.parametrize("function", ["net", "winner", "found"])
def test_a_space_from_a_file(function: str, tmp_path: Path) -> None:
    file = tmp_path / "net.py"
    file.write_text(
        f"from torch import nn\n\n\ndef {function}(*, width=(4, 8), num_classes=10):\n"
        "    return nn.Sequential(nn.Conv2d(1, width, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, num_classes))\n"
    )
    space = space_of(f"{file}:{function}", (1, 8, 8), 7)
    assert (space.size, space.plan({"width": 8})[1]) == (2, {"width": 8, "num_classes": 7})
    (tmp_path / "winner.py").write_text(space.source({"width": 8}))
    assert attribute_of(f"{tmp_path}/winner.py:winner")()[-1].weight.shape == (7, 8)
