"""What the commands say of accuracies: the data set beside each figure, its source, one ranking a data set; unused parameters."""

from __future__ import annotations

import csv
import io
import json
from itertools import groupby

import pytest


def test_top1_ranks_within_each_data_set_and_imagenet_comes_first(run) -> None:
    records = json.loads(run("list", "--sort", "top1", "--json").out)
    known = [record["accuracy"] for record in records if record["accuracy"] and record["accuracy"]["top1_percent"]]
    runs = [(name, [each["top1_percent"] for each in group]) for name, group in groupby(known, lambda each: each["dataset"])]
    assert [name for name, _ in runs] == ["ImageNet", "CIFAR-10", "MNIST"]
    assert all(values == sorted(values, reverse=True) for _, values in runs)
    assert records[-1]["accuracy"] is None


@pytest.mark.parametrize("command", ["list lenet5", "list resnet110_cifar", "compare lenet5 resnet50 --format markdown"])
def test_a_figure_never_stands_without_its_data_set(command: str, run) -> None:
    text = run(*command.split()).out
    head = next(line for line in text.splitlines() if "params" in line)
    assert ("top-1" in head) == ("data set" in head)
    assert ("MNIST" if "lenet5" in command else "CIFAR-10") in text


def test_csv_says_the_source_in_full(run) -> None:
    text = run("compare", "alexnet_2012", "resnet50", "googlenet", "--format", "csv").out
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [(row["top1_percent"], row["dataset"], row["accuracy_source"]) for row in rows[:2]] == [
        ("59.3", "ImageNet", "the paper, ten crops"),
        ("76.13", "ImageNet", "torchvision 0.29.1 ResNet50_Weights.IMAGENET1K_V1, one crop of 224 px"),
    ]
    # torchvision's GoogLeNet has 13,004,888 parameters, and 6,624,904 without its auxiliary heads
    assert [int(row["params_unused"]) for row in rows] == [0, 0, 13_004_888 - 6_624_904]


@pytest.mark.parametrize("command", ["list googlenet", "compare resnet50 googlenet", "show googlenet"])
def test_auxiliary_heads_are_told_beside_the_parameters(command: str, run) -> None:
    text = " ".join(run(*command.split()).out.split())
    assert "evaluation does not use" in text
    assert "auxiliary heads" in text
    assert "6.38 M" in text or "6,379,984" in text
    assert "auxiliary" not in run("compare", "resnet50", "vgg16").out
