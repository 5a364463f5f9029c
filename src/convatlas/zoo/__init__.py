"""The zoo: one paper, one file. `create` makes a network, `entry` tells what is published about it."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn

from .network import Network
from .registry import REGISTRY, Entry, Paper, build, entry

__all__ = ["REGISTRY", "Entry", "Network", "Paper", "create", "entry"]

for _module in pkgutil.iter_modules(__path__):  # importing a family's file registers its networks
    if not _module.ispkg:
        importlib.import_module(f"{__name__}.{_module.name}")

_Norm: Any = nn.modules.batchnorm._NormBase
_LAYERS_THAT_INITIALISE: tuple[Any, ...] = (nn.Linear, nn.LayerNorm, nn.modules.conv._ConvNd, _Norm)


@contextmanager
def _lean_construction() -> Iterator[None]:
    """Modules made inside skip what would cost most of the building time.

    Layers keep the memory they were given, since `create` fills it afterwards; and batch norms, which are half of all
    layers, set their attributes without asking of each one whether it is a parameter, a buffer or a module.
    """
    saved = [layer.reset_parameters for layer in _LAYERS_THAT_INITIALISE]
    make_norm = _Norm.__init__

    def make_quickly(
        norm: Any,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: Any = None,
        bias: bool = True,
    ) -> None:
        if not (affine and track_running_stats and bias and device is None and dtype is None):
            options = {"device": device, "dtype": dtype} | ({} if bias else {"bias": False})
            make_norm(norm, num_features, eps, momentum, affine, track_running_stats, **options)
            return
        nn.Module.__init__(norm)
        own = norm.__dict__
        own.update(num_features=num_features, eps=eps, momentum=momentum, affine=True, track_running_stats=True)
        empty = torch.empty
        own["_parameters"].update(weight=nn.Parameter(empty(num_features)), bias=nn.Parameter(empty(num_features)))
        own["_buffers"].update(
            running_mean=empty(num_features),
            running_var=empty(num_features),
            num_batches_tracked=empty((), dtype=torch.int64),
        )

    try:
        for layer in _LAYERS_THAT_INITIALISE:
            layer.reset_parameters = lambda self: None
        _Norm.__init__ = make_quickly
        yield
    finally:
        _Norm.__init__ = make_norm
        for layer, original in zip(_LAYERS_THAT_INITIALISE, saved, strict=True):
            layer.reset_parameters = original


def create(name: str, *, weights: str | Path | None = None, **options: Any) -> Network:
    """Make a network of the zoo, initialised as in its paper, on torch's default device.

    Under ``torch.device("meta")`` nothing is allocated and no random number is drawn.

    Args:
        name: of the network; see `convatlas.list_models`.
        weights: "imagenet" for the published file, an https URL, or a file. Another ``num_classes`` starts the last layer
            anew, another ``in_channels`` adapts the first convolution; a warning says so.
        options: the builder's: ``num_classes``, ``in_channels``, ``dropout``, and what the family has beside them.

    Raises:
        ConvatlasError: an unknown name (the nearest ones are given), an unknown option, an impossible value, or weights that
            cannot be had or do not fit.
    """
    if weights == "imagenet" and "transform_input" in entry(name).options and options.get("in_channels", 3) == 3:
        options.setdefault("transform_input", True)  # the published weights were made for images normalised in another way
    with _lean_construction():
        network = build(name, **options)
    if next(network.parameters()).device.type != "meta":
        with torch.no_grad():
            for module in network.modules():
                if isinstance(module, _Norm):
                    module.reset_parameters()
            network.init_weights()
    if weights is not None:
        from ..weights.load import load_weights

        load_weights(network, name, weights)
    return network
