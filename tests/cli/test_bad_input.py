"""Whatever is wrong with what was asked: one line on stderr that shows the value and the way out, status 2, no file."""

from __future__ import annotations

from pathlib import Path

import pytest

CASES = {
    "unknown network, nearest names": (["cost", "vgg61"], ["'vgg61'", "vgg16"]),
    "unknown network in compare": (["compare", "vgg16", "vgg17"], ["'vgg17'", "vgg16"]),
    "unknown network in show": (["show", "vgg17"], ["'vgg17'", "vgg16"]),
    "unknown network in report": (["report", "vgg17"], ["'vgg17'", "vgg16"]),
    "unknown network of torchvision": (["cost", "torchvision:resnet51"], ["'resnet51'", "resnet50"]),
    "unknown network of timm": (["cost", "timm:mobilenetv3_lage_100"], ["mobilenetv3_large_100"]),
    "nothing matches a pattern": (["list", "wombat*"], ["'wombat*'"]),
    "unknown family": (["list", "--family", "vgc"], ["'vgc'", "vgg"]),
    "show of a network of one's own": (["show", "net.py:Net"], ["convatlas cost net.py:Net"]),
    "no such file": (["cost", "nofile.py:Net"], ["nofile.py", "no such file"]),
    "file without the class in it": (["cost", "net.py"], ["net.py:Net"]),
    "place without an attribute": (["cost", "net.py:"], ["file.py:callable"]),
    "attribute that is not there": (["cost", "net.py:Nett"], ["'Nett'", "Net"]),
    "package that does not import": (["cost", "no_such_package.nets:Net"], ["ModuleNotFoundError", "no_such_package"]),
    "file with a syntax error": (["cost", "broken.py:f"], ["broken.py", "SyntaxError", "line 1"]),
    "file that imports what is not there": (["cost", "missing.py:f"], ["ModuleNotFoundError", "no_such_package"]),
    "file that exits": (["cost", "leaving.py:f"], ["leaving.py", "SystemExit"]),
    "callable that needs an argument": (["cost", "net.py:takes_an_argument"], ["TypeError", "'size'"]),
    "callable that makes no module": (["cost", "net.py:number"], ["3", "int", "nn.Module"]),
    "attribute that is no module": (["cost", "net.py:table"], ["{}", "dict", "nn.Module"]),
    "forward that fails": (["cost", "net.py:Failing"], ["Failing", "the user's own message"]),
    "control flow on data": (["cost", "net.py:Branching"], ["net.py:16", "if x.sum() > 0"]),
    "shape that is none": (["cost", "vgg16", "--input", "3x-2x4"], ["'3x-2x4'", "3x224x224"]),
    "shape with a zero": (["cost", "vgg16", "--input", "3x0x4"], ["'3x0x4'"]),
    "wrong rank": (["cost", "vgg16", "--input", "224x224"], ["224x224", "3x224x224"]),
    "wrong rank with a batch axis": (["cost", "vgg16", "--input", "1,3,8,224,224"], ["1,3,8,224,224", "3 channels"]),
    "wrong channels": (["cost", "vgg16", "--input", "1x224x224"], ["1x224x224", "3 channels"]),
    "wrong channels for a network of one's own": (
        ["cost", "net.py:Net", "--input", "4x32x32"],
        ["conv (Conv2d)", "3 channels", "4"],
    ),
    "too small": (["cost", "vgg16", "--input", "3x16x16"], ["features.", "32x32"]),
    "batch given twice": (["cost", "vgg16", "--input", "2,3,224,224", "--batch", "3"], ["2,3,224,224", "3"]),
    "batch of nothing": (["cost", "vgg16", "--batch", "0"], ["--batch", "1"]),
    "depth without modules": (["cost", "vgg16", "--depth", "2"], ["--by module"]),
    "unknown view": (["cost", "vgg16", "--by", "banana"], ["'banana'", "'stage'", "convatlas cost --help"]),
    "two formats": (["cost", "vgg16", "--json", "--format", "csv"], ["--json", "csv"]),
    "no network's name": (["cost", ""], ["''", "a zoo name"]),
    "capitals in a name": (["cost", "VGG16"], ["'VGG16'", "did you mean vgg16?"]),
    "a word for a batch": (["cost", "vgg16", "--batch", "two"], ["--batch", "'two'", "whole number", "cost --help"]),
    "a fraction for a batch": (["cost", "vgg16", "--Batch=1.5"], ["--batch", "'1.5'", "whole number"]),
    "a negative batch": (["cost", "vgg16", "--batch", "-3"], ["--batch", "'-3'", "1"]),
    "an option without its value": (["cost", "vgg16", "--sort"], ["--sort", "requires an argument", "cost --help"]),
    "a network for a command": (["VGG16"], ["'VGG16'", "`convatlas cost vgg16`"]),
    "a network of one's own for a command": (["net.py:Net"], ["`convatlas cost net.py:Net`"]),
    "nothing for a command": ([""], ["No such command ''"]),
    "help for what is no command": (["help", "memroy"], ["'memroy'", "memory"]),
    "nothing for a file": (["list", "-o", ""], ["--output", "empty"]),
    "nothing for a chart": (["report", "vgg16", "--chart", ""], ["chart ''", "layers"]),
    "nothing for a family": (["list", "--family", ""], ["family ''", "vgg"]),
    "nothing for a section": (["notes", ""], ["section ''", "alexnet"]),
    "a language of data that have both": (["notes", "senet", "--json", "--lang", "zh"], ["--lang", "both languages"]),
    "predict with a network of one's own": (["predict", "net.py:Net", "cat.jpg"], ["predict", "net.py:Net"]),
    "list of a library": (["list", "timm:resnet*"], ["convatlas compare 'timm:resnet*'"]),
    "no model": (["cost"], ["MODEL", "convatlas cost --help"]),
    "unknown command": (["lst"], ["'lst'", "list"]),
    "unknown option": (["cost", "vgg16", "--bogus"], ["--bogus"]),
    "no folder for the output": (["cost", "vgg16", "-o", "nodir/x.txt"], ["nodir/x.txt", "nodir is no folder"]),
    "output is a folder": (["list", "-o", "folder"], ["folder is a folder"]),
    "output where nothing can be written": (["list", "-o", "/proc/x.txt"], ["/proc/x.txt cannot be written"]),
    "no folder for the page": (["report", "vgg16", "-o", "nodir/x.html"], ["nodir/x.html"]),
    "unknown chart": (["report", "vgg16", "--format", "svg", "--chart", "banana"], ["'banana'"]),
    "chart of a page": (["report", "vgg16", "--format", "html", "--chart", "banana"], ["--chart", "svg"]),
    "no graph file": (["cost", "nofile.json"], ["nofile.json", "No such file"]),
    "file that is no graph": (["cost", "list.json"], ["list.json", "not a graph file"]),
    "file that is no text": (["cost", "bytes.json"], ["bytes.json", "no text"]),
}


@pytest.fixture
def folder(tmp_path: Path, net_file: str) -> Path:
    """The files that the cases name."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "broken.py").write_text("def f(:\n")
    (tmp_path / "missing.py").write_text("import no_such_package\n")
    (tmp_path / "leaving.py").write_text("import sys\nsys.exit(3)\n")
    (tmp_path / "list.json").write_text("[1, 2]")
    (tmp_path / "bytes.json").write_bytes(b"\xff\xfe\x00")
    return tmp_path


@pytest.mark.parametrize("case", CASES)
def test_wrong_input_gets_one_line_and_leaves_no_file(case: str, run, folder: Path) -> None:
    args, told = CASES[case]
    before = sorted(path.name for path in folder.iterdir())
    result = run(*args)
    assert result.status == 2
    assert result.out == ""
    assert result.err.startswith("error: ")
    assert result.err.count("\n") == 1
    assert "unexpected" not in result.err
    for words in told:
        assert words in result.err
    assert sorted(path.name for path in folder.iterdir() if path.name != "__pycache__") == before


def test_debug_shows_the_traceback_of_the_users_own_code(run, net_file: str) -> None:
    result = run("cost", "net.py:Failing", "--debug")
    assert result.status == 2
    assert 'raise RuntimeError("the user\'s own message")' in result.err
    assert result.err.splitlines()[-1].startswith("error: ")


def test_a_graph_file_cannot_be_traced_at_another_input(run, tmp_path: Path) -> None:
    import convatlas

    (tmp_path / "vgg.json").write_text(convatlas.trace("vgg11").to_json())
    result = run("cost", "vgg.json", "--input", "3x64x64")
    assert result.status == 2
    assert "1x3x224x224" in result.err
    assert run("cost", "vgg.json", "--input", "3x224x224").status == 0


def test_a_graph_of_training_asks_for_train(run, tmp_path: Path) -> None:
    import convatlas

    (tmp_path / "vgg.json").write_text(convatlas.trace("vgg11", (2, 3, 32, 32), training=True).to_json())
    assert "for training, and a graph's file cannot be traced anew; add --train, or" in run("cost", "vgg.json").err
    assert run("cost", "vgg.json", "--train").status == 0


def test_a_failure_keeps_the_file_that_was_there(run, tmp_path: Path) -> None:
    (tmp_path / "kept.txt").write_text("before")
    assert run("cost", "vgg16", "--input", "3x16x16", "-o", "kept.txt").status == 2
    assert (tmp_path / "kept.txt").read_text() == "before"
    assert [path.name for path in tmp_path.iterdir()] == ["kept.txt"]


def test_a_fault_of_convatlas_itself_is_said_to_be_one(run, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise KeyError("a bug")

    monkeypatch.setattr("convatlas.cli.zoo.groups", broken)
    result = run("show", "vgg16")
    assert (result.status, result.out) == (2, "")
    for words in ("KeyError", "a bug", "fault of convatlas", "--debug"):
        assert words in result.err
    assert "Traceback" in run("show", "vgg16", "--DEBUG").err
