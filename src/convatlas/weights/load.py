"""Weights into a network: read without executing anything, fitted to other classes and channels, checked before loading."""

from __future__ import annotations

import pickle
import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ..errors import ConvatlasError
from . import published
from .download import WeightsError, download
from .timm_names import named_as_here

if TYPE_CHECKING:
    from ..zoo.network import Network

_SHOWN = 3  # names of keys that an error shows
# DenseNet's published files date from before torch allowed no dots in names: "norm.1" is "norm1" today
_OLD_DENSENET = re.compile(r"(denselayer\d+\.(?:norm|relu|conv))\.(\d)\.")
_AUXILIARY = re.compile(r"(aux\d|AuxLogits)\.")  # the training heads of GoogLeNet and Inception-v3
_FOREIGN = re.compile(r"GLOBAL ([\w.]+)")  # how torch names what it would have to import


class WeightsWarning(UserWarning):
    """Something of the weights was left out or adapted."""


class NewHeadWarning(WeightsWarning):
    """The file's classifier has another number of classes and was left out: the network's is untrained."""


def load_weights(network: Network, name: str, source: str | Path) -> None:
    """Load weights into a network, which is left as it was if they do not fit.

    Args:
        network: of the zoo, on a real device.
        name: its name in the zoo.
        source: "imagenet" for the published file, an https URL, or a file (.safetensors, or anything that ``torch.save`` wrote).

    Raises:
        WeightsError: there are none, they could not be read, or they are another architecture's; tells which keys are
            missing, left over, or of another shape.
        ConvatlasError: a .safetensors file, and safetensors is not installed.
    """
    if any(parameter.is_meta for parameter in network.parameters()):
        raise WeightsError(f"{name} is on the meta device, which holds no weights; create it outside of `torch.device('meta')`")
    state = _read(_located(name, source), source)
    here = named_as_here(name, state)
    state, notes = _fitted(network, {here[key]: value for key, value in state.items()})
    _check(network, state, source)
    network.load_state_dict(state, strict=False)
    for note in notes:
        warnings.warn(note, stacklevel=3)


def _read(path: Path, source: str | Path) -> dict[str, Tensor]:
    """Read a file; one that was downloaded and cannot be read leaves the cache, or it would be met again for ever."""
    try:
        return read_state(path)
    except WeightsError as error:
        if path == Path(source):
            raise
        path.unlink(missing_ok=True)
        raise WeightsError(f"what came from {source} is of no use: {error}; nothing was kept") from error


def _located(name: str, source: str | Path) -> Path:
    if source == "imagenet":
        found = published(name)
        if found is None:
            raise WeightsError(f"no ImageNet weights are published for {name}; give a file or an https URL")
        return download(found.url, found.sha256, found.num_bytes)
    if isinstance(source, str) and "://" in source:
        return download(source)
    path = Path(source)
    if not path.is_file():
        raise WeightsError(f'{path} is no file; weights are "imagenet", an https URL, or a .pth or .safetensors file')
    return path


def read_state(path: Path) -> dict[str, Tensor]:
    """The tensors of a checkpoint by name. Nothing in the file is executed.

    Raises:
        WeightsError: the file is no checkpoint, or holds code.
        ConvatlasError: a .safetensors file, and safetensors is not installed.
    """
    if path.suffix == ".safetensors":
        return _read_safetensors(path)
    try:
        data: Any = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # damage shows as any of a dozen kinds, struct.error and AssertionError among them
        foreign = _FOREIGN.search(str(error)) if isinstance(error, pickle.UnpicklingError) else None
        if foreign:
            reason = f"it holds more than tensors ({foreign[1]}), and loading it could run code"
            raise WeightsError(f"{path} is refused: {reason}") from error
        reason = "not a file of torch.save" if isinstance(error, pickle.UnpicklingError) else _first_line(error)
        raise WeightsError(f"{path} is no checkpoint, or a damaged one: {reason}") from error
    for key in ("state_dict", "model", "model_state_dict"):
        if isinstance(data, Mapping) and isinstance(data.get(key), Mapping):
            data = data[key]
    if not isinstance(data, Mapping) or not data or not all(isinstance(value, Tensor) for value in data.values()):
        raise WeightsError(f"{path} holds a {type(data).__name__}, not a dict of tensors by name")
    prefix = "module." if all(str(key).startswith("module.") for key in data) else ""
    return {str(key).removeprefix(prefix): value for key, value in data.items()}


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        from safetensors import SafetensorError
        from safetensors.torch import load_file
    except ImportError:
        raise ConvatlasError("a .safetensors file needs safetensors: pip install 'convatlas[weights]'") from None
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"{path} is no safetensors file: {_first_line(error)}") from error


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0] or type(error).__name__


def _fitted(network: Network, state: dict[str, Tensor]) -> tuple[dict[str, Tensor], list[WeightsWarning]]:
    """The state with today's names, the network's number of channels, and without another number of classes' layers.

    Also without training heads where the network has none; and what there is to say about it.
    """
    own, notes = network.state_dict(), list[WeightsWarning]()
    trains_with_heads = any(map(_AUXILIARY.match, own))
    state = {
        _OLD_DENSENET.sub(r"\1\2.", key): value for key, value in state.items() if trains_with_heads or not _AUXILIARY.match(key)
    }
    stem = f"{network.stem_conv}.weight"
    if stem in state and stem in own and state[stem].dim() == 4 and state[stem].shape[1] != own[stem].shape[1]:
        before, after = state[stem].shape[1], own[stem].shape[1]
        state[stem] = adapted_to_channels(state[stem], after)
        notes.append(WeightsWarning(f"{stem} was adapted from {before} to {after} input channels"))
    head = f"{network.classifier_path}.weight"
    if head in state and head in own and state[head].shape[0] != own[head].shape[0]:
        theirs, classes = state[head].shape[0], own[head].shape[0]
        layers = {key.rpartition(".")[0] for key, value in state.items() if key in own and _differs_by(value, own[key], theirs)}
        state = {key: value for key, value in state.items() if key.rpartition(".")[0] not in layers}
        names = ", ".join(sorted(layers))
        notes.append(NewHeadWarning(f"{names} starts anew for {classes} classes; the file has {theirs}"))
        state |= {key: value for key, value in own.items() if key.rpartition(".")[0] in layers}
    return state, notes


def _differs_by(value: Tensor, own: Tensor, classes: int) -> bool:
    return value.dim() > 0 and value.shape[0] == classes != own.shape[0] and value.shape[1:] == own.shape[1:]


def adapted_to_channels(weight: Tensor, channels: int) -> Tensor:
    """A first convolution's weight (C_out, C, ...) for other input channels.

    One channel gets the sum over the old ones; more get copies of them in turn, scaled by old / new. An image of equal
    channels then gives what it gave before, for one channel and for multiples of the old number, and about that for others.
    """
    before = weight.shape[1]
    if channels == 1:
        return weight.sum(1, keepdim=True)
    turns = -(-channels // before)
    return weight.repeat(1, turns, *([1] * (weight.dim() - 2)))[:, :channels] * (before / channels)


def _check(network: Network, state: Mapping[str, Tensor], source: str | Path) -> None:
    own = network.state_dict()
    counters = ".num_batches_tracked"  # files of before 2018 have none
    missing = [key for key in own if key not in state and not key.endswith(counters)]
    left_over = [key for key in state if key not in own]
    shapes = [
        f"{key} {'x'.join(map(str, value.shape))} where the network has {'x'.join(map(str, own[key].shape))}"
        for key, value in state.items()
        if key in own and value.shape != own[key].shape
    ]
    problems = [
        f"{len(found)} {what} ({', '.join(found[:_SHOWN])}{', ...' if len(found) > _SHOWN else ''})"
        for found, what in ((missing, "keys are missing"), (left_over, "are left over"), (shapes, "have other shapes"))
        if found
    ]
    if problems:
        raise WeightsError(f"{source} does not fit {type(network).__name__}: {'; '.join(problems)}; the network is unchanged")
