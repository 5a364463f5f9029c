"""A .pt2 file that brings pickles, code or functions to look up is refused before torch reads it."""

from __future__ import annotations

import io
import json
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from convatlas.errors import ConvatlasError
from convatlas.export import Card, open_exported, write_network

CARD = Card(model="flat", weights="none", input_size=(3, 4, 4))
PROGRAM = "models/model.json"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pt2") / "flat.pt2"
    write_network(nn.Sequential(nn.ReLU(), nn.Flatten(), nn.Linear(48, 2)), path, CARD)
    return path


class Attack:
    """Leaves a trace where it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str, ...]]:
        return exec, (self.code,)

    @property
    def code(self) -> str:
        return f"__import__('pathlib').Path({str(self.trace)!r}).touch()"


def changed(whole: Path, target: Path, change: Callable[[dict[str, bytes]], None]) -> Path:
    """The archive with other records."""
    with zipfile.ZipFile(whole) as archive:
        root = archive.namelist()[0].partition("/")[0]
        records = {name.partition("/")[2]: archive.read(name) for name in archive.namelist()}
    change(records)
    with zipfile.ZipFile(target, "w") as archive:
        for name, contents in records.items():
            archive.writestr(f"{root}/{name}", contents)
    return target


def in_program(change: Callable[[dict[str, Any]], None]) -> Callable[[dict[str, bytes]], None]:
    def apply(records: dict[str, bytes]) -> None:
        program = json.loads(records[PROGRAM])
        change(program)
        records[PROGRAM] = json.dumps(program).encode()

    return apply


def nodes(program: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = program["graph_module"]["graph"]["nodes"]
    return found


def shapes_as(code: str) -> Callable[[dict[str, Any]], None]:
    def change(program: dict[str, Any]) -> None:
        text = json.dumps(program)
        symbol = next(iter(program["range_constraints"]))
        before = f"Symbol('{symbol}', positive=True, integer=True)"
        assert before in text
        program.update(json.loads(text.replace(json.dumps(before)[1:-1], json.dumps(code)[1:-1])))

    return change


def test_an_archive_that_was_only_packed_anew_is_read(whole: Path, tmp_path: Path) -> None:
    opened = open_exported(changed(whole, tmp_path / "same.pt2", lambda records: None))
    assert opened(torch.zeros(2, 3, 4, 4)).shape == (2, 2)


def test_pickles_are_refused_wherever_they_lie(whole: Path, tmp_path: Path) -> None:
    attack = Attack(tmp_path / "trace")
    payload = pickle.dumps(attack)
    packed = io.BytesIO()
    torch.save(attack, packed)

    def weight_as_pickle(records: dict[str, bytes]) -> None:
        name = "data/weights/model_weights_config.json"
        config = json.loads(records[name])
        entry = next(iter(config["config"].values()))
        entry["use_pickle"] = True
        records[f"data/weights/{entry['path_name']}"] = packed.getvalue()
        records[name] = json.dumps(config).encode()

    changes: list[Callable[[dict[str, bytes]], None]] = [
        lambda records: records.update({"data/sample_inputs/model.pt": packed.getvalue()}),
        lambda records: records.update({"data/weights/model.pt": packed.getvalue()}),
        lambda records: records.update({"data/constants/custom_obj_0": payload}),
        lambda records: records.update({"data/constants/opaque_obj_0": payload}),
        lambda records: records.update({"data/aotinductor/model/model.so": b"ELF"}),
        lambda records: records.update({"models/other.json": records[PROGRAM]}),
        weight_as_pickle,
    ]
    for number, change in enumerate(changes):
        with pytest.raises(ConvatlasError, match="is not loaded: it holds"):
            open_exported(changed(whole, tmp_path / f"{number}.pt2", change))
    assert not attack.trace.exists()


def test_code_in_the_program_is_refused(whole: Path, tmp_path: Path) -> None:
    attack = Attack(tmp_path / "trace")
    spec = json.dumps([1, {"type": "builtins.dict", "context": json.dumps([{"__enum__": True, "fqn": "os:system", "name": "x"}]), "children_spec": []}])  # fmt: skip
    changes: list[Callable[[dict[str, Any]], None]] = [
        lambda program: program.update(guards_code=[attack.code]),
        shapes_as(attack.code),
        shapes_as("s77**9**9"),
        lambda program: nodes(program)[0].update(target="torch.hub.load"),
        lambda program: nodes(program)[0].update(target="torch.ops.aten.from_file.default"),
        lambda program: nodes(program)[0].update(target="math.factorial"),
        lambda program: nodes(program)[0].update(name=f"x = {attack.code}"),
        lambda program: nodes(program)[0]["outputs"][0]["as_tensor"].update(name="a; import os"),
        lambda program: program["graph_module"]["module_call_graph"][0]["signature"].update(out_spec=spec),
    ]
    for number, change in enumerate(changes):
        with pytest.raises(ConvatlasError, match="is not loaded: it holds"):
            open_exported(changed(whole, tmp_path / f"{number}.pt2", in_program(change)))
    assert not attack.trace.exists()


def test_what_torch_itself_saves_is_refused_for_its_pickled_inputs(tmp_path: Path) -> None:
    program = torch.export.export(nn.Flatten(), (torch.zeros(2, 3, 4, 4),))
    torch.export.save(program, tmp_path / "torchs.pt2")
    with pytest.raises(ConvatlasError, match="it holds pickled sample inputs"):
        open_exported(tmp_path / "torchs.pt2")
