"""A .pt2 file read without unpickling or evaluating anything that it brings.

torch.export's own reader does both: it unpickles sample inputs and some constants, evaluates shapes as Python expressions, runs
guards given as code, loads compiled libraries, and looks a function up by any name below ``torch``. So before it is called, all
records of the archive are held to the few kinds that `convatlas export` writes. What is left is a program of ATen ops.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from torch.export import ExportedProgram
from torch.export.pt2_archive._package import PT2ArchiveReader, load_pt2

from ..errors import ConvatlasError

CARD = "convatlas.json"
_PROGRAM = "models/model.json"
_CONFIGS = ("data/weights/model_weights_config.json", "data/constants/model_constants_config.json")
_SAMPLES = "data/sample_inputs/model.pt"
_RECORD = re.compile(
    r"data/weights/weight_\d+|data/constants/tensor_\d+|archive_format|archive_version|byteorder|\.data/\w+|extra/convatlas\.json"
)
_OPERATOR = re.compile(
    r"torch\.ops\.aten\.(?!from_file\b|save\b)\w+\.\w+|_operator\.(?:getitem|add|sub|mul|floordiv|truediv|mod|neg|eq|ne|lt|le|gt|ge)"
)
_NAME = re.compile(r"-?[\w.]*(?:-[\w.]+)*", re.ASCII)  # of a variable, a parameter, a dtype; -Infinity
_STRUCTURES = ("builtins.tuple", "builtins.list", "builtins.dict", "collections.OrderedDict")
_SYMBOL = r"Symbol\('[su]\d+'(?:, (?:positive|nonnegative|integer)=True)*\)"
_SHAPE = re.compile(rf"(?!.*\*\*)(?:{_SYMBOL}|[su]?\d+|[-+*/(), ]|Integer|Add|Mul|FloorDiv|PythonMod|Mod|Max|Min|Eq|Ne)*")


def read_pt2(path: Path) -> tuple[ExportedProgram, dict[str, str]]:
    """The program in a .pt2 file, and the strings of its card.

    Raises:
        ConvatlasError: it is no such file, or holds anything that would be unpickled or evaluated; with what that is.
    """
    try:
        contents = path.read_bytes()
    except OSError as error:
        raise ConvatlasError(f"{path}: {error.strerror}") from error
    try:
        card = _checked(contents)
        programs = load_pt2(io.BytesIO(contents)).exported_programs
    except _RefusedError as refused:
        raise ConvatlasError(
            f"{path} is not loaded: it holds {refused}, and reading that could run code of the file's; export the network with "
            "`convatlas export`"
        ) from None
    except Exception as error:
        raise ConvatlasError(f"{path} is damaged, or no .pt2 file: {str(error).partition(chr(10))[0]}") from error
    return programs["model"], card


class _RefusedError(Exception):
    """What a file holds that is not read."""


def _checked(contents: bytes) -> dict[str, str]:
    """The card's strings, once the whole archive was looked through by the reader that torch then loads it with."""
    with PT2ArchiveReader(io.BytesIO(contents)) as archive:
        names: list[str] = archive.get_file_names()
        for name in names:
            if name not in (_PROGRAM, _SAMPLES, *_CONFIGS) and not _RECORD.fullmatch(name):
                raise _RefusedError(f"a record {name!r:.80}")
        if archive.read_bytes(_SAMPLES):
            raise _RefusedError("pickled sample inputs")
        for name in _CONFIGS:
            _check_payload(json.loads(archive.read_bytes(name)))
        _check_program(json.loads(archive.read_bytes(_PROGRAM)))
        card = f"extra/{CARD}"
        texts = json.loads(archive.read_bytes(card)) if card in names else {}
        return {str(key): str(value) for key, value in texts.items()}


def _check_payload(config: dict[str, Any]) -> None:
    for name, record in config["config"].items():
        if record["use_pickle"] is not False or not re.fullmatch(r"weight_\d+|tensor_\d+", record["path_name"]):
            raise _RefusedError(f"a pickled value, {name!r:.80}")


def _check_program(program: dict[str, Any]) -> None:
    """Names, shapes and functions go into Python that torch writes and runs, so all of them are held to what cannot be code."""
    if program.pop("guards_code", None):
        raise _RefusedError("guards given as Python code")
    program.pop("torch_version", None)  # told, and read by nobody
    for key, text in _texts(program):
        if key in ("target", "as_operator"):
            allowed = _OPERATOR
        elif key == "expr_str":
            allowed = _SHAPE
        elif key in ("in_spec", "out_spec"):
            _check_structure(text)
            continue
        else:
            allowed = _NAME
        if not allowed.fullmatch(text):
            raise _RefusedError(f"{key} {text!r:.80}")


def _check_structure(spec: str) -> None:
    """Of arguments and outputs: tuples, lists and mappings by name, nested."""
    for key, text in _texts(json.loads(spec)):
        if key == "type" and text not in _STRUCTURES:
            raise _RefusedError(f"a structure of {text!r:.80}")
        if key == "context":
            _check_structure(text)  # JSON once more: the names of a mapping
        elif not _NAME.fullmatch(text):
            raise _RefusedError(f"a structure with {text!r:.80}")


def _texts(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """All texts at any depth with the keys that they stand under, and the keys themselves."""
    if isinstance(value, str):
        yield key, value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield "a name", name
            yield from _texts(inner, name)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner, key)
