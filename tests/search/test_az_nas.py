"""AZ-NAS's figures where they can be worked out by hand."""

from __future__ import annotations

import math
import pickle

import pytest
import torch
from torch import Tensor, nn

from convatlas.errors import ConvatlasError
from convatlas.search.score import az_nas
from convatlas.search.score.az_nas import Figures, expressivity, figures, ranked, trainability
from convatlas.search.score.named import score_of
from convatlas.search.space import CellSpace, MobileSpace, OwnSpace, RegNetSpace, ResidualSpace


def test_expressivity_is_the_entropy_of_the_principal_components() -> None:
    signs = torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])  # uncorrelated, of one variance
    assert expressivity(signs[:, :, None, None]) == pytest.approx(math.log(2), abs=1e-6)
    one = torch.stack([signs[:, 0], 3 * signs[:, 0]], 1)  # the second channel says what the first does
    assert expressivity(one[:, :, None, None]) == pytest.approx(0, abs=1e-6)
    uneven = signs * torch.tensor([1.0, math.sqrt(3)])  # a quarter and three quarters of the variance
    expected = -(0.25 * math.log(0.25) + 0.75 * math.log(0.75))
    assert expressivity(uneven[:, :, None, None]) == pytest.approx(expected, abs=1e-6)
    assert expressivity(torch.zeros(2, 3, 4, 4)) == -math.inf


@pytest.mark.parametrize(("scale", "expected"), [(1.0, 0.0), (2.0, -0.5), (0.5, -0.5)])
def test_trainability_is_told_by_the_largest_singular_value_of_a_block(scale: float, expected: float) -> None:
    """Of a rotation times s the singular values are s: 2 - s - 1/s."""
    torch.manual_seed(0)
    rotation, _ = torch.linalg.qr(torch.randn(3, 3))
    before = torch.randn(64, 3, 32, 32, requires_grad=True)
    after = nn.functional.conv2d(before, scale * rotation[:, :, None, None])
    assert trainability(before, after) == pytest.approx(expected, abs=0.02)


def test_a_stride_is_compared_by_its_places_even_where_it_does_not_divide() -> None:
    torch.manual_seed(0)
    before = torch.randn(64, 1, 31, 31, requires_grad=True)
    after = nn.functional.conv2d(nn.functional.pad(before, (0, 1, 0, 1)), torch.tensor([[[[2.0, 0], [0, 0]]]]), stride=2)
    assert trainability(before, after) == pytest.approx(-0.5, abs=0.02)
    assert trainability(before, torch.randn(64, 1, 31, 31, requires_grad=True) * 2) is None
    assert trainability(before, before * 1.0) == -math.inf  # an identity trains nothing


def test_ranks_are_added_up_as_logarithms() -> None:
    found = ranked([Figures(1, 5, 2, 1), Figures(2, 4, 2, 3), Figures(3, 4, 1, 2)])
    # ranks by column: 1 2 3; 3 1.5 1.5; 2.5 2.5 1; 1 3 2
    expected = [
        sum(math.log(rank / 3) for rank in ranks) for ranks in ((1, 3, 2.5, 1), (2, 1.5, 2.5, 3), (3, 1.5, 1, 2))
    ]  # fmt: skip
    assert found == pytest.approx(expected)


class TwoBlocks(nn.Module):
    """Of the blocks all four figures follow by hand: each is a map of one channel."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.Sequential(Wrapped(), Wrapped())

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.blocks(x)
        return y


class Wrapped(nn.Module):
    """A block is what holds layers and is no chain."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 1, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.conv(x)
        return y


def test_the_figures_of_a_network_by_hand() -> None:
    torch.manual_seed(3)
    network = TwoBlocks()
    found = figures(network, torch.randn(16, 1, 16, 16))
    scale = abs(float(network.blocks[1].conv.weight.detach()))  # type: ignore[union-attr]
    assert (found.expressivity, found.progressivity) == pytest.approx((0, 0), abs=1e-6)
    assert found.trainability == pytest.approx(2 - scale - 1 / scale, abs=1e-4)
    assert found.complexity == 2 * 16 * 16


def own(*, width: tuple[int, ...] = (4, 8)) -> nn.Module:
    assert isinstance(width, int)
    return nn.Sequential(nn.Conv2d(3, width, 3), nn.ReLU(inplace=True), nn.Conv2d(width, width, 3))


@pytest.mark.parametrize("kind", [ResidualSpace, MobileSpace, RegNetSpace, CellSpace, OwnSpace])
def test_every_kind_of_network_has_figures(kind: type) -> None:
    space = OwnSpace(own, (3, 16, 16), 10) if kind is OwnSpace else kind((3, 16, 16), 10)
    torch.manual_seed(0)
    network = space.build({choice.name: choice.options[-1 if kind is CellSpace else 0] for choice in space.choices})
    assert all(map(math.isfinite, figures(network, torch.randn(2, 3, 16, 16))))


def test_a_network_without_two_maps_is_refused() -> None:
    with pytest.raises(ConvatlasError, match="`az-nas` compares the maps behind a network's blocks, and Sequential has 1"):
        figures(nn.Sequential(nn.Conv2d(1, 2, 3)), torch.randn(2, 1, 4, 4))


def test_a_score_ranks_alike_wherever_it_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(az_nas, "_AMONG", 3)
    space = ResidualSpace((1, 8, 8), 10, stem=4, widths=((4, 8), (8, 16)), depths=(1, 2), ratios=(1,), groups=(1, 2))
    score = score_of("az-nas", space, None)
    sent = pickle.loads(pickle.dumps(score))
    assert "others" in vars(sent)  # no process that gets it has to count them again
    values = space.values([len(choice.options) - 1 for choice in space.choices])
    assert sent(lambda: space.build(values), 0, lambda *_: False) == score(lambda: space.build(values), 0, lambda *_: False)
