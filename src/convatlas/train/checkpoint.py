"""A state as a folder: ``last/`` and ``best/``, each complete at every instant.

``model.safetensors`` holds the weights to use (the moving average where there is one), ``training.safetensors`` and ``state.json`` what
only a resume needs. Nothing in them can run code.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, load_model, save_file, save_model
from torch import nn

from ..errors import ConvatlasError
from ..files import atomic_folder, folder_at, recover_folder
from .state import State

MODEL, TRAINING, STATE = "model.safetensors", "training.safetensors", "state.json"


class DiskFullError(OSError):
    """There is no room for a state; the one before is as it was."""


def save(run: Path, state: State, *, best: bool = False) -> None:
    """Write ``last/``, and ``best/`` before it if this state is the best so far.

    The best is written first: a kill between the two leaves a ``last/`` from which it is reached, and written, again.

    Raises:
        ConvatlasError: the state holds a NaN or an infinity; nothing is written.
        DiskFullError: there is no room; what was there before is as it was.
    """
    if spoiled := state.non_finite():
        raise ConvatlasError(f"{spoiled} holds a NaN or an infinity after step {state.progress.step}; it is not written")
    places = ["best", "last"] if best else ["last"]
    try:
        _check_room(run, state)
        for place in places:
            with atomic_folder(run / place) as folder:
                if place == "last" and best:  # the same files, which are never written to again
                    for file in (run / "best").iterdir():
                        _link(file, folder / file.name)
                else:
                    _fill(folder, state)
    except (OSError, SafetensorError) as error:
        if isinstance(error, DiskFullError) or not _is_disk_full(error):
            raise
        raise _disk_full(run, state) from error


def _fill(folder: Path, state: State) -> None:
    save_model(state.result, str(folder / MODEL), metadata={"format": "pt"})
    save_file(state.tensors(), folder / TRAINING)
    (folder / STATE).write_text(json.dumps(state.record(), indent=1), encoding="utf-8")


def load(run: Path, place: str, state: State) -> None:
    """Put a state back.

    Raises:
        ConvatlasError: there is none, it is damaged, or it is of another network.
    """
    recover_folder(run / place)
    folder = run / place
    if not (folder / STATE).is_file():
        raise ConvatlasError(f"{folder} holds no state to go on from")
    load_weights(folder, state.result)
    try:
        tensors = load_file(folder / TRAINING)
        record = json.loads((folder / STATE).read_text(encoding="utf-8"))
    except (OSError, ValueError, SafetensorError) as error:
        raise ConvatlasError(f"{folder} is damaged: {error}") from error
    state.restore(tensors, record)


def load_weights(folder: Path, network: nn.Module) -> None:
    """Put the weights of ``last/`` or ``best/`` into a network.

    Raises:
        ConvatlasError: there are none, they are damaged, or of another network; tells which names do not match.
    """
    place = folder_at(folder)
    if place is None or not (place / MODEL).is_file():
        raise ConvatlasError(f"{folder / MODEL}: there is no such file")
    try:
        load_model(network, place / MODEL)
    except (OSError, RuntimeError, SafetensorError) as error:
        raise ConvatlasError(
            f"{place / MODEL} does not fit {type(network).__name__}: {' '.join(str(error).split())[:300]}"
        ) from error


def num_bytes(state: State) -> int:
    """Bytes that a state takes on the disk."""
    tensors = [*state.tensors().values(), *state.result.state_dict().values()]
    return sum(value.numel() * value.element_size() for value in tensors)


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError as error:  # a file system without links
        if _is_disk_full(error):
            raise
        shutil.copyfile(source, target)


def _check_room(run: Path, state: State) -> None:
    if shutil.disk_usage(run).free < num_bytes(state):
        raise _disk_full(run, state)


def _is_disk_full(error: Exception) -> bool:
    full = (errno.ENOSPC, errno.EDQUOT)
    return getattr(error, "errno", None) in full or any(f"os error {number}" in str(error) for number in full)


def _disk_full(run: Path, state: State) -> DiskFullError:
    free = shutil.disk_usage(run).free
    return DiskFullError(
        f"the disk of {run} is full: a state takes {num_bytes(state) / 2**20:,.1f} MiB, and {free / 2**20:,.1f} MiB are free; "
        f"last/ is as it was: make room, then go on with convatlas train --resume {run}"
    )
