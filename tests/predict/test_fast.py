"""A network becomes its fastest form where that pays, and nowhere else; the classes stay."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from convatlas.predict import Classifier, fast, fast_from_the_start, fast_when_it_pays
from convatlas.runtime import optimize, rounds
from convatlas.runtime.table import RUNTIMES, Runtime
from convatlas.weights import Preprocessing


class Sleepy(nn.Module):
    """A network that takes 5 ms, whatever it gets."""

    def __init__(self) -> None:
        super().__init__()
        self.last = nn.Linear(3 * 8 * 8, 4)

    def forward(self, images: Tensor) -> Tensor:
        time.sleep(0.005)
        found: Tensor = self.last(images.flatten(1))
        return found


@pytest.fixture
def classifier(monkeypatch: pytest.MonkeyPatch) -> Classifier:
    """Of a network that has one other form, which does not sleep."""
    monkeypatch.setattr(rounds, "_SAMPLE_SECONDS", 0.0)
    monkeypatch.setattr(optimize, "_installed", lambda goal, batch: ["folded"])
    torch.manual_seed(0)
    network = Sleepy().eval()
    awake = nn.Sequential(nn.Flatten(), network.last)
    monkeypatch.setitem(RUNTIMES, "folded", Runtime(about="awake", prepare=lambda source: awake))
    return Classifier(name="sleepy", logits=network, preprocessing=Preprocessing(resize=8, crop=8), classes=tuple("abcd"))


@pytest.mark.parametrize(("total", "pays"), [(8, False), (80_000, True), (None, False)])
def test_the_form_is_looked_for_where_a_minute_of_work_is_to_come(classifier: Classifier, total: int | None, pays: bool) -> None:
    told: list[str] = []
    quick = fast_when_it_pays(classifier, total, told.append)
    images = torch.randn(4, 3, 8, 8)
    before = classifier.guesses(images, 2)
    assert [guesses[0].name for guesses in quick.guesses(images, 2)] == [guesses[0].name for guesses in before]
    assert [guesses[0].name for guesses in quick.guesses(images, 2)] == [guesses[0].name for guesses in before]
    assert len(told) == pays
    assert all("sleepy runs by folded" in line for line in told)


def test_where_nobody_knows_how_many_come_as_many_are_expected_as_came(
    classifier: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fast, "_PAYS_SECONDS", 0.008)  # less than two calls take, and more than one on a machine that keeps up
    told: list[str] = []
    quick = fast_when_it_pays(classifier, None, told.append)
    for _ in range(3):
        quick.guesses(torch.randn(1, 3, 8, 8), 1)
    assert len(told) == 1


@pytest.mark.parametrize(
    "quickened", [lambda given: fast_when_it_pays(given, 10**9, print), lambda given: fast_from_the_start(given, 2, print)]
)
def test_what_is_no_network_of_torchs_stays_as_it_is(classifier: Classifier, quickened: Callable[[Classifier], Classifier]) -> None:
    given = Classifier(name="file", logits=lambda images: images.flatten(1), preprocessing=classifier.preprocessing)
    assert quickened(given) is given


def test_a_service_has_the_form_before_its_first_request(classifier: Classifier) -> None:
    told: list[str] = []
    quick = fast_from_the_start(classifier, 2, told.append)
    assert quick.logits is not classifier.logits
    assert len(told) == 1
