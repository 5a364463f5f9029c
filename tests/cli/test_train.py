"""`train`, `evaluate` and `recipes` from the command line, and what is wrong with what was asked of them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from convatlas.cli import main

Command = Callable[..., Any]
TRAIN = ("train", "resnet20_cifar", "--epochs", "1", "--batch", "256", "--precision", "fp32")


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of one epoch on the digits, by the command line."""
    folder = tmp_path_factory.mktemp("once") / "done"
    assert main([*TRAIN, "--output", str(folder)]) == 0
    return folder


@pytest.fixture
def trained(run: Command, once: Path) -> Path:
    """A copy of it in the test's own folder."""
    return shutil.copytree(once, Path("done"))


def test_train_and_evaluate_tell_the_same(run: Command, trained: Path) -> None:
    row = (trained / "metrics.csv").read_text().splitlines()
    assert row[0] == "epoch,step,images,lr,train_loss,val_loss,val_top1,val_top5,images_per_second,seconds"
    told = json.loads(run("evaluate", "done", "--json").out)
    values = dict(zip(row[0].split(","), row[1].split(","), strict=True))
    assert list(told) == ["loss", "top1", "top5", "images"]
    assert (told["top1"], told["images"]) == (float(values["val_top1"]), 359)
    assert told["loss"] == pytest.approx(float(values["val_loss"]), rel=1e-6)


def test_a_run_is_a_folder_that_can_be_moved(run: Command, trained: Path) -> None:
    before = run("evaluate", "done", "--json").out
    trained.rename("elsewhere")
    assert run("evaluate", "elsewhere", "--json").out == before
    assert {"run.json", "metrics.csv", "tensorboard", "last", "best"} <= {file.name for file in Path("elsewhere").iterdir()}


def test_a_finished_run_resumes_to_nothing_more(run: Command, trained: Path) -> None:
    before = (trained / "metrics.csv").read_bytes()
    assert run("train", "--resume", "done").status == 0
    assert (trained / "metrics.csv").read_bytes() == before


def test_an_output_that_holds_a_run_is_refused(run: Command, trained: Path) -> None:
    before = (trained / "last" / "model.safetensors").read_bytes()
    again = run(*TRAIN, "--output", "done")
    assert (again.status, again.err.count("\n")) == (2, 1)
    assert "--resume done" in again.err
    assert (trained / "last" / "model.safetensors").read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["vgg11", "--resume", "done"], ["resnet20_cifar", "vgg11"]),
        (["--resume", "done", "--recipe", "resnet"], ["recipe", "resnet"]),
        (["--resume", "done", "--data", "fashion-mnist:nowhere"], ["nowhere"]),
        (["--resume", "done", "--output", "other"], ["--output other"]),
    ],
)
def test_a_run_of_something_else_is_not_gone_on_with(run: Command, trained: Path, arguments: list[str], words: list[str]) -> None:
    told = run("train", *arguments)
    assert (told.status, told.err.count("\n")) == (2, 1), told.err
    assert all(word in told.err for word in words), told.err


def test_a_run_of_a_newer_version_is_refused(run: Command, trained: Path) -> None:
    record = json.loads((trained / "run.json").read_text())
    (trained / "run.json").write_text(json.dumps(record | {"format": 99}))
    for arguments in (["train", "--resume", "done"], ["evaluate", "done"]):
        told = run(*arguments)
        assert told.status == 2
        assert "newer convatlas" in told.err


def test_a_pickle_in_place_of_safetensors_is_refused(run: Command, trained: Path) -> None:
    import torch

    torch.save({"w": torch.zeros(1)}, trained / "best" / "model.safetensors")
    told = run("evaluate", "done")
    assert told.status == 2
    assert "model.safetensors" in told.err


BAD: dict[str, tuple[list[str], list[str]]] = {
    "no model": ([], ["convatlas train resnet20_cifar"]),
    "unknown network": (["resnet20_cifr"], ["'resnet20_cifr'", "resnet20_cifar"]),
    "no such data": (["resnet20_cifar", "--data", "nowhere"], ["nowhere"]),
    "no epochs": (["resnet20_cifar", "--epochs", "0"], ["epochs", "0", "at least 1"]),
    "a batch of none": (["resnet20_cifar", "--batch", "0"], ["batch", "0"]),
    "a batch in words": (["resnet20_cifar", "--batch", "many"], ["many", "auto"]),
    "unknown recipe": (["resnet20_cifar", "--recipe", "modem"], ["'modem'", "modern"]),
    "unknown setting": (["resnet20_cifar", "--set", "weight_deacy=1"], ["'weight_deacy'", "weight_decay"]),
    "a setting without a value": (["resnet20_cifar", "--set", "lr"], ["KEY=VALUE"]),
    "a setting of another kind": (["resnet20_cifar", "--set", "lr=fast"], ["lr", "fast", "a number"]),
    "a shape of schedule that is none": (["resnet20_cifar", "--set", "shape=cosin"], ["cosin", "cosine"]),
    "a rate of nothing": (["resnet20_cifar", "--set", "lr=0"], ["lr", "above 0"]),
    "epochs given twice": (["resnet20_cifar", "--epochs", "3", "--set", "epochs=4"], ["epochs", "twice"]),
    "unknown device": (["resnet20_cifar", "--device", "abacus"], ["'abacus'", "cpu"]),
    "nothing to freeze": (["resnet20_cifar", "--freeze", "layer9"], ["'layer9'", "layer"]),
    "everything frozen": (["vgg11", "--freeze", "features", "--freeze", "classifier"], ["every parameter is frozen"]),
    "images that are too small": (["vgg11", "--size", "8"], ["8x8", "vgg11"]),
    "weights that are no file": (["resnet20_cifar", "--weights", "nofile.safetensors"], ["nofile.safetensors"]),
    "no stem to choose": (["resnet20_cifar", "--stem", "small"], ["stem", "resnet20_cifar"]),
    "no run to resume": (["--resume", "nowhere"], ["nowhere", "run.json"]),
    "a fold without folds": (["resnet20_cifar", "--fold", "1"], ["folds"]),
}  # fmt: skip


@pytest.mark.parametrize("arguments", BAD.values(), ids=BAD.keys())
def test_bad_input_is_one_line_and_status_2(run: Command, arguments: tuple[list[str], list[str]]) -> None:
    told = run("train", *arguments[0])
    assert (told.status, told.out) == (2, ""), told.err
    assert told.err.startswith("error: ")
    assert told.err.count("\n") == 1, told.err
    assert all(word in told.err for word in arguments[1]), told.err
    assert not Path("runs").exists()


def test_recipes_tell_source_and_published_accuracy(run: Command) -> None:
    recipes = json.loads(run("recipes", "--json").out)
    assert all(recipe["source"] for recipe in recipes)
    assert {"modern", "vgg", "googlenet", "resnet_cifar", "efficientnet"} <= {recipe["name"] for recipe in recipes}
    assert "74.4 %" in run("recipes", "vgg").out
    assert "'vgc'" in run("recipes", "vgc").err


def test_a_run_predicts_what_it_validated_and_is_created_and_compared_by_its_folder(run: Command, trained: Path) -> None:
    import convatlas as ca

    opened = ca.Run.open(trained)
    data = opened.data()
    for index in range(8):
        data.val.read(index, 1).save(f"{index}.png")
    told = json.loads(run("predict", "done", *(f"{index}.png" for index in range(8)), "--top", "1", "--json").out)
    guesses: list[int] = []
    opened.evaluate(watch=lambda batch, logits: guesses.extend(logits.argmax(1).tolist()))
    assert [image["classes"][0]["class"] for image in told["images"]] == [data.classes[guess] for guess in guesses[:8]]
    assert not ca.create("done").training
    rows = json.loads(run("compare", "done", "done", "--json").out)["runs"]
    assert [row["val_top1"] for row in rows] == [opened.best["val_top1"]] * 2 if opened.best else False
