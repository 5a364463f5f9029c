"""A network into a file that others can load: written beside its place, loaded again, compared, and only then put there."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType

import torch
from torch import Tensor, nn

from ..errors import ConvatlasError
from ..files import landing
from ..models import EXPORTED
from ..runtime.convert import exported_program
from ..trace.results import result_tensors
from . import onnx_file, openvino_file, pt2_file
from .card import Card
from .reading import Opened

FORMS: dict[str, ModuleType] = dict(zip(EXPORTED, (onnx_file, pt2_file, openvino_file), strict=True))
TOLERANCE = 1e-4  # of the largest output
CHECKED_BATCHES = (1, 3)
LEAST_AGREEMENT = 0.9  # of int8, in the class of the images that it was calibrated with
_SEEDS = (0, 1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Written:
    """A file that was written, and how it compares.

    Attributes:
        path: of the file.
        num_bytes: of the file, and of the .bin beside an .xml.
        card: what it says of its network.
        difference: the largest from torch's outputs, over the largest of those, at batches 1 and 3.
        agreement: the share of the calibration images that int8 puts into the same class; None for float32.
    """

    path: Path
    num_bytes: int
    card: Card
    difference: float
    agreement: float | None = None


class DiffersError(ConvatlasError):
    """A file, loaded again, does not compute what the network does."""


def form_of(path: Path) -> ModuleType:
    """What writes and reads a file of that ending.

    Raises:
        ConvatlasError: no format has that ending.
    """
    if path.suffix.lower() not in FORMS:
        raise ConvatlasError(f"{path} has none of the endings {', '.join(FORMS)} (ONNX, torch.export, OpenVINO)")
    return FORMS[path.suffix.lower()]


def open_exported(path: str | Path) -> Opened:
    """The network in a file that `export` wrote.

    Raises:
        ConvatlasError: there is no such file, it is damaged, its runtime is not installed, or it was written by something else.
    """
    path = Path(path)
    form = form_of(path)
    if not path.is_file():
        raise ConvatlasError(f"{path}: there is no such file")
    opened: Opened = form.read(path)
    return opened


def write_network(network: nn.Module, path: Path, card: Card, *, calibration: Tensor | None = None) -> Written:
    """Write a network to a file whose format its ending says; loaded again, it computes what the network does.

    Args:
        network: stays as it is; written in evaluation mode.
        path: of the file, which must not exist. OpenVINO's weights go into a .bin beside it.
        card: what the file is to say of it.
        calibration: images (N, C, H, W) as the network reads them, to write an .onnx in int8.

    Raises:
        ConvatlasError: the file exists, the network cannot be written so, or a runtime is not installed.
        DiffersError: what was written computes something else.
    """
    form = form_of(path)
    if calibration is not None and form is not onnx_file:
        raise ConvatlasError(f"int8 is written as .onnx, for ONNX Runtime, and not as {path.suffix} (={path})")
    with landing(path) as place:
        program = exported_program(network, *card.sizes)
        if calibration is None:
            form.write(program, card, place)
        else:
            card = replace(card, precision="int8")
            onnx_file.write(program, card, place, calibration)
        opened = _read_again(form, place, path)
        difference = _difference(opened, network, card)
        agreement = None if calibration is None else _agreement(opened, network, calibration)
        if agreement is None and not difference <= TOLERANCE:
            raise DiffersError(
                f"{path} is not written: loaded again, it differs from the network by {difference:.1e} of the largest output, and "
                f"{TOLERANCE:.0e} is allowed"
            )
        if calibration is not None and agreement is not None and agreement < LEAST_AGREEMENT:
            raise DiffersError(
                f"{path} is not written: int8 puts {agreement:.0%} of the {len(calibration)} calibration images into the network's "
                f"class, and {LEAST_AGREEMENT:.0%} are wanted; calibrate with more images of its kind, or write float32"
            )
        num_bytes = sum(file.stat().st_size for file in place.parent.iterdir())
    return Written(path=path, num_bytes=num_bytes, card=card, difference=difference, agreement=agreement)


def _read_again(form: ModuleType, place: Path, path: Path) -> Opened:
    try:
        opened: Opened = form.read(place)
    except ConvatlasError as error:  # it is to lie elsewhere
        raise DiffersError(f"{path} is not written: {str(error).replace(str(place), path.name)}") from error
    return opened


@torch.inference_mode()
def _agreement(opened: Opened, network: nn.Module, images: Tensor) -> float:
    pairs = [(opened(image[None])[0], _outputs(network, image[None])[0][0]) for image in images]
    return sum(int(one.argmax() == other.argmax()) for one, other in pairs) / len(pairs)


@torch.inference_mode()
def _difference(opened: Opened, network: nn.Module, card: Card) -> float:
    """The largest over batches and inputs, relative to the largest output; inf where shapes or numbers of outputs differ."""
    largest = 0.0
    for batch in CHECKED_BATCHES:
        for seed in _SEEDS:
            source = torch.Generator().manual_seed(seed)
            inputs = [torch.randn(batch, *size, generator=source) for size in card.sizes]
            wanted, found = _outputs(network, *inputs), opened.outputs(*inputs)
            if [value.shape for value in wanted] != [value.shape for value in found]:
                return float("inf")
            for one, other in zip(wanted, found, strict=True):
                gap = (one.double() - other.double()).abs().max() / one.double().abs().max().clamp(min=1e-30)
                largest = max(largest, float("inf") if gap.isnan() else float(gap))
    return largest


def _outputs(network: nn.Module, *inputs: Tensor) -> list[Tensor]:
    """All tensors of what a network makes in evaluation mode."""
    modes = {module: module.training for module in network.modules()}
    try:
        found = network.eval()(*inputs)
    finally:
        for module, mode in modes.items():
            module.training = mode
    return result_tensors(found)
