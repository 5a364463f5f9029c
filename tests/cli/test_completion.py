"""What a shell gets when it asks for completions, in the protocol of each."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from convatlas.cli import main
from convatlas.cli.completion import complete_recipe, complete_study

Complete = Callable[..., list[str]]


@pytest.fixture
def bash(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Complete:
    """Completions of the last word, of the words as bash takes them apart."""

    def complete(*words: str) -> list[str]:
        with monkeypatch.context() as environment:
            environment.setenv("_CONVATLAS_COMPLETE", "complete_bash")
            environment.setenv("COMP_WORDS", "\n".join(["convatlas", *words]))
            environment.setenv("COMP_CWORD", str(len(words)))
            environment.setenv("_CONVATLAS_COMPLETE_PREFIX", "")
            with pytest.raises(SystemExit):
                main([])
        return capsys.readouterr().out.split()

    return complete


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["sh"], ["show"]),
        (["show", "vgg16"], ["vgg16", "vgg16_bn", "vgg16_c"]),
        (["compare", "alexnet", "zf"], ["zfnet"]),
        (["list", "--family", "vg"], ["vgg"]),
        (["list", "--sort", "t"], ["top1"]),
        (["list", "--sort", "=", "t"], ["top1"]),
        (["list", "--sort", "="], ["name", "year", "params", "macs", "memory", "top1"]),
        (["cost", "vgg16", "--by", "s"], ["stage"]),
        (["cost", "vgg16", "--format", "m"], ["markdown"]),
        (["cost", "net.py", ":", "Net", "--by", "s"], ["stage"]),
        (["report", "vgg16", "--chart", "to"], ["totals"]),
        (["report", "vgg16", "--format", "s"], ["svg"]),
        (["notes", "alex"], ["alexnet", "alexnet_vgg"]),
        (["recipes", "mobile"], ["mobilenet", "mobilenet_v3"]),
        (["train", "resnet18", "--recipe", "v"], ["vgg"]),
        (["study", "de"], ["degradation", "densenet-memory", "depthwise"]),
        (["memory", "vgg16", "--optimizer", "adam"], ["adam", "adamw"]),
        (["notes", "--only", "d"], ["differs"]),
        (["cost", "t"], ["torchvision:", "timm:"]),
        (["cost", "torchvision", ":", "vgg16"], ["vgg16", "vgg16_bn"]),
        (["compare", "torchvision", ":", "vgg11", "timm", ":", "vgg16"], ["vgg16", "vgg16_bn"]),
        (["cost", "torchvision:vgg16"], ["torchvision:vgg16", "torchvision:vgg16_bn"]),
    ],
    ids=" ".join,
)
def test_bash_completes(words: list[str], found: list[str], bash: Complete) -> None:
    if {"torchvision", "torchvision:vgg16"} & set(words):
        pytest.importorskip("torchvision")
        pytest.importorskip("timm")
    assert [name for name in bash(*words) if name in found] == found
    assert all(name.startswith(words[-1].lower().strip(":=")) for name in bash(*words))


def test_a_prefix_of_a_library_is_completed_without_a_space_after_it(bash: Complete) -> None:
    pytest.importorskip("torchvision")
    names = bash("cost", "torchv")
    assert len(names) > 1
    assert all(name.startswith("torchvision:") for name in names)


@pytest.mark.parametrize(
    ("shell", "found"),
    [("zsh", """_arguments '*: :(("zfnet_512"))\'"""), ("fish", "zfnet_512"), ("powershell", "zfnet_512::: ")],
)
def test_other_shells_get_their_own_form(
    shell: str, found: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("_CONVATLAS_COMPLETE", f"complete_{shell}")
    monkeypatch.setenv("_TYPER_COMPLETE_ARGS", "convatlas show zfnet_")
    monkeypatch.setenv("_TYPER_COMPLETE_WORD_TO_COMPLETE", "zfnet_")
    monkeypatch.setenv("_TYPER_COMPLETE_FISH_ACTION", "get-args")
    with pytest.raises(SystemExit):
        main([])
    assert capsys.readouterr().out.rstrip("\n") == found


def test_the_names_read_from_files_are_those_that_there_are() -> None:
    from convatlas.studies import designs
    from convatlas.train.recipes import RECIPES

    assert set(complete_study("")) == set(designs())
    assert set(complete_recipe("")) == set(RECIPES)
