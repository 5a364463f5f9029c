"""How a network meets images: built for their classes and channels, and the size that both can do with."""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from typing import Any, Literal

import torch
from torch import nn

from ..errors import ConvatlasError
from ..models import load, unknown_network
from ..models.building import weights_allocated
from ..models.pretrained import create_with_weights, load_file
from ..trace import trace
from ..zoo import REGISTRY, Entry, Network, create, entry
from .data import Data
from .randomness import INITIAL_WEIGHTS, set_random_states

SMALL_PIXELS = 64
"""Images up to this side are small: they keep their size, and a network made for photographs gets the stem for small images."""


@dataclass(frozen=True, kw_only=True)
class Reads:
    """What a network reads, and how it was built.

    Attributes:
        size: of its images, in pixels.
        channels: 3 or 1.
        options: of the zoo's builder; {} for other networks.
    """

    size: int
    channels: int
    options: dict[str, Any]


def zoo_reads(
    name: str, data: Data, *, size: int | None = None, stem: Literal["imagenet", "small"] | None = None, weights: str | None = None
) -> Reads:
    """How a network of the zoo is built for the data, and at which size it reads them.

    Photographs come at the network's own size. Small images keep theirs where the network can do with it, with the stem for
    small images where it has one and is not asked to start from published weights.

    Raises:
        ConvatlasError: there is no such network, it has no such stem, or the size is below what it can do with.
    """
    if name not in REGISTRY:
        raise unknown_network(name, REGISTRY)
    found = entry(name)
    options: dict[str, Any] = {"num_classes": len(data.classes)}
    if "in_channels" in found.options:
        options["in_channels"] = found.input_size[0] if weights else data.channels
    channels = int(options.get("in_channels", found.input_size[0]))
    own = found.input_size[1]
    small = _is_small(data)
    if stem is None and small and own > SMALL_PIXELS and "stem" in found.options and weights is None and size is None:
        stem = "small"
    if stem is not None:
        if "stem" not in found.options:
            raise ConvatlasError(f"{name} has no `stem` (={stem!r}); leave it out")
        options["stem"] = stem
    wanted = [size] if size else [data.size, own] if small and data.size else [own]
    for tried in wanted:
        if (refused := _refusal(found, options, channels, tried)) is None:
            return Reads(size=tried, channels=channels, options=options)
    raise ConvatlasError(f"{name} cannot read images of {wanted[-1]}x{wanted[-1]} pixels: {refused}")


def _refusal(found: Entry, options: dict[str, Any], channels: int, size: int) -> str | None:
    """Why a network cannot be trained at a size, or None."""
    with torch.device("meta"):
        network = create(found.name, **options)
    try:
        trace(network, (2, channels, size, size), training=True)
    except ValueError as error:
        return str(error)
    return None


def make_network(model: str, reads: Reads, *, weights: str | None = None, seed: int = 0) -> nn.Module:
    """A network by its name, with initial weights that depend on the seed alone.

    Raises:
        ConvatlasError: there is no such network, or the weights do not fit.
    """
    set_random_states(INITIAL_WEIGHTS, seed)
    if model in REGISTRY:
        return create_with_weights(model, weights, **reads.options)
    network = loaded(model)
    if "num_classes" in reads.options:
        _give_classes(network, reads.options["num_classes"])
    if weights is not None:
        load_file(network, weights)
    return network


def loaded(model: str) -> nn.Module:
    """A network of torchvision, timm or the user's code, with the weights that its code gives it.

    Raises:
        ConvatlasError: it does not load.
    """
    with weights_allocated():
        module = load(model).module
    return copied(module)


def named_reads(model: str, data: Data, *, size: int | None, stem: str | None) -> Reads:
    """What a network of torchvision, timm or the user's code reads; those of the libraries get as many classes as the data have."""
    if stem is not None:
        raise ConvatlasError(f"`stem` (={stem!r}) is for networks of the zoo; leave it out for {model}")
    found = load(model)
    reads = module_reads(found.module, data, size or (found.input_size[-1] if found.input_size and not _is_small(data) else None))
    if model.partition(":")[0] in ("torchvision", "timm"):
        return replace(reads, options={"num_classes": len(data.classes)})
    return reads


def _is_small(data: Data) -> bool:
    return data.size is not None and data.size <= SMALL_PIXELS


def _give_classes(network: nn.Module, classes: int) -> None:
    """Put a fresh layer in place of the one that makes the logits."""
    parent, _, leaf = head_of(network).rpartition(".")
    old = network.get_submodule(head_of(network))
    if isinstance(old, nn.Linear):
        fresh: nn.Module = nn.Linear(old.in_features, classes, bias=old.bias is not None)
    else:
        assert isinstance(old, nn.Conv2d)
        fresh = nn.Conv2d(old.in_channels, classes, 1, bias=old.bias is not None)
    setattr(network.get_submodule(parent), leaf, fresh)


def module_reads(module: nn.Module, data: Data, size: int | None = None) -> Reads:
    """What a module of the user's reads: the channels of its first convolution, and images of the asked, its own or their size."""
    first = next((layer for layer in module.modules() if isinstance(layer, nn.Conv2d)), None)
    channels = first.in_channels if first is not None else data.channels
    if channels not in (1, 3):
        raise ConvatlasError(f"the network reads {channels} channels; images have 3, or 1")
    own = getattr(module, "input_size", None)
    found = size or (own[-1] if own else None) or data.size or 224
    return Reads(size=int(found), channels=channels, options={})


def copied(module: nn.Module) -> nn.Module:
    """A copy to train, so that the caller's module stays as it is.

    Raises:
        ConvatlasError: it has no weights yet, being on the meta device.
    """
    if any(parameter.is_meta for parameter in module.parameters()):
        raise ConvatlasError("the network is on the meta device, which holds no weights; make it outside of `torch.device('meta')`")
    return copy.deepcopy(module)


def head_of(network: nn.Module) -> str:
    """The path of the layer that makes the logits: as the zoo says, else the last linear layer or convolution."""
    if isinstance(network, Network):
        return network.classifier_path
    layers: list[str] = [name for name, module in network.named_modules() if isinstance(module, nn.Linear | nn.Conv2d)]
    if not layers:
        raise ConvatlasError("the network has neither a linear layer nor a convolution, so no head to train first")
    return layers[-1]


def check_logits(network: nn.Module, reads: Reads, classes: int) -> None:
    """Make sure that a network reads the images and makes one logit a class.

    Raises:
        ConvatlasError: it does not; with the shapes.
    """
    device = next(network.parameters()).device
    was = network.training
    try:
        network.eval()
        with torch.no_grad():
            found = network(torch.zeros(2, reads.channels, reads.size, reads.size, device=device))
    except Exception as error:
        shape = f"{reads.channels}x{reads.size}x{reads.size}"
        raise ConvatlasError(f"the network does not read images of {shape}: {type(error).__name__}: {error}") from error
    finally:
        network.train(was)
    made = tuple(getattr(found, "shape", ()))
    if made != (2, classes):
        raise ConvatlasError(
            f"the network makes {made or type(found).__name__} of 2 images where (2, {classes}) is wanted: a logit a class"
        )
