"""Published results: read from timm's columns, joined by weight set and size; and what a weight set saw by its name."""

from __future__ import annotations

from pathlib import Path

import pytest

from convatlas.catalogue.results import pretraining, read_results
from convatlas.errors import ConvatlasError

HEAD = "model,img_size,top1,top1_err,top5,top5_err,param_count,crop_pct,interpolation"
FILES = (
    "results-imagenet.csv",
    "results-imagenet-real.csv",
    "results-imagenetv2-matched-frequency.csv",
    "results-sketch.csv",
    "results-imagenet-a.csv",
    "results-imagenet-r.csv",
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for place, name in enumerate(FILES):
        rows = [
            f'net.a_in1k,224,{80 + place},20,95,5,"1,013.01",0.9,bicubic',
            f"net.a_in1k,288,{81 + place},19,96,4,12.3,1.0,bicubic",
        ]
        (tmp_path / name).write_text("\n".join([HEAD, *(rows if place < 5 else rows[:1])]))
    return tmp_path


def test_a_weight_set_at_each_size_with_six_accuracies(folder: Path) -> None:
    small, large = read_results(folder)
    assert (small.architecture, small.weights, small.size, small.parameters) == ("net", "a_in1k", 224, 1013.01)
    assert small.top1 == (80, 81, 82, 83, 84, 85)
    assert large.top1 == (81, 82, 83, 84, 85, None), "what was not measured at that size is not known"


def test_a_file_without_its_columns_is_named(folder: Path) -> None:
    (folder / "results-sketch.csv").write_text("model,top1\nnet.a_in1k,3")
    with pytest.raises(ConvatlasError, match=r"results-sketch\.csv: the columns img_size, .* are missing"):
        read_results(folder)


@pytest.mark.parametrize(
    ("name", "seen"),
    [
        ("resnet50.a1_in1k", "in1k"),
        ("convnext_tiny.in12k_ft_in1k", "in12k"),
        ("tf_efficientnetv2_m.in21k_ft_in1k", "in22k"),
        ("convnext_large_mlp.clip_laion2b_soup_ft_in12k_in1k_384", "laion2b"),
        ("resnext101_32x8d.fb_swsl_ig1b_ft_in1k", "ig1b"),
        ("tf_efficientnet_b7.ns_jft_in1k", "jft300m"),
        ("hgnetv2_b6.ssld_stage2_ft_in1k", "in22k"),
        ("resnetv2_50x1_bit.goog_distilled_in1k", "in1k"),
    ],
)
def test_what_a_weight_set_saw(name: str, seen: str) -> None:
    architecture, _, weights = name.partition(".")
    assert pretraining(architecture, weights) == seen
