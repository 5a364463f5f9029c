"""Accuracies stand with their data set and source, and are compared with their like alone."""

from __future__ import annotations

from convatlas.accuracy import Accuracy, best_of, legend, rank
from convatlas.catalogue import entries, lookup
from convatlas.weights import published


def accuracy(top1: float, dataset: str = "ImageNet", source: str = "the paper", evaluation: str = "one crop") -> Accuracy:
    return Accuracy(top1=top1, top5=None, dataset=dataset, source=source, evaluation=evaluation)


def test_the_weights_that_can_be_loaded_come_before_the_paper() -> None:
    found, stated = lookup("vgg16").accuracy, lookup("vgg16").stated
    assert found is not None
    assert stated is not None
    # torchvision 0.29.1 states 71.592 and 90.382 of VGG16_Weights.IMAGENET1K_V1; Simonyan, Zisserman 2014, Table 3: 25.6, 8.1 wrong
    assert (found.top1, found.top5, found.evaluation) == (71.592, 90.382, "one crop of 224 px")
    assert (stated.top1, stated.top5, stated.source) == (74.4, 91.9, "the paper")


def test_all_weights_state_what_they_reach() -> None:
    assert [name for name in entries() if (weights := published(name)) and weights.top1 is None] == []
    found = published("senet154")  # timm's results-imagenet.csv: legacy_senet154.in1k, 224, crop 0.875: 81.320, 95.502
    assert found is not None
    assert (found.top1, found.top5) == (81.32, 95.502)


def test_data_sets_are_the_papers() -> None:
    found = {
        name: entry.accuracy.dataset for name, entry in entries().items() if entry.accuracy and entry.accuracy.dataset != "ImageNet"
    }
    families = {lookup(name).family for name, dataset in found.items() if dataset == "CIFAR-10"}
    assert families == {"cifar_resnet", "highway", "nin", "preact_resnet"}
    assert found["lenet5"] == "MNIST"
    assert all(lookup(name).input_size[1:] == (32, 32) for name in found)
    small = {name for name, entry in entries().items() if entry.input_size[1:] == (32, 32) and entry.accuracy}
    assert small == set(found)


def test_what_has_no_figure_comes_last() -> None:
    found = [None, accuracy(99.0, "MNIST"), accuracy(70.0), accuracy(93.0, "CIFAR-10"), accuracy(75.0)]
    assert [each and each.top1 for each in sorted(found, key=rank)] == [75.0, 70.0, 93.0, 99.0, None]


def test_marks_are_explained_where_they_stand_and_nowhere_else() -> None:
    weights, paper = accuracy(70.0, source="torchvision"), accuracy(75.0)
    assert [each.shown for each in (weights, paper, accuracy(59.3, evaluation="ten crops"))] == ["70.0", "75.0*", "59.3**"]
    assert legend([weights]) == "of the weights that can be loaded, on one crop"
    assert "measured differently" in legend([weights, paper])
    assert legend([None]) == ""


def test_nothing_is_the_best_of_one() -> None:
    found = [accuracy(99.0, "MNIST"), accuracy(70.0), accuracy(75.0), None]
    assert best_of(found) == {"ImageNet": 75.0}
