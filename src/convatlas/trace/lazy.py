"""Lazy modules: a copy of the network, whose layers have the shapes that an input gives them."""

from __future__ import annotations

import warnings
from copy import deepcopy
from typing import Any

import torch
from torch import nn
from torch.nn.modules.lazy import LazyModuleMixin
from torch.nn.parameter import UninitializedBuffer, UninitializedParameter, is_lazy

from ..graph import TensorSpec
from ..inputs import Inputs
from .errors import ForwardError, TraceError
from .network import TORCH_DTYPES


def has_lazy_parts(model: nn.Module) -> bool:
    """Whether a network has layers that take their shapes from the first input."""
    return any(isinstance(module, LazyModuleMixin) and module.has_uninitialized_params() for module in model.modules())


def with_shapes(model: nn.Module, given: Inputs, training: bool) -> nn.Module:
    """A copy of a network on the meta device that has run once, so that its lazy layers have their shapes.

    Raises:
        ForwardError: it cannot be copied, or its forward pass does not run there.

    """
    tensors = [*model.parameters(), *model.buffers()]
    try:
        with warnings.catch_warnings(), torch.device("meta"), torch.no_grad():
            warnings.simplefilter("ignore")  # lazy modules are "under heavy development", since 2021
            copy = deepcopy(model, {id(tensor): _on_meta(tensor) for tensor in tensors}).train(training)
            arguments: Any = given.mapped(_made)
            copy(*arguments.args, **arguments.kwargs)
    except Exception as error:
        reason = str(error).partition("\n")[0]
        told = TraceError(
            f"lazy layers get their shapes from a first run, and a run without data fails: {type(error).__name__}: {reason}; "
            "run the network once on real data before"
        )
        raise ForwardError(told, type(model).__name__) from error
    return copy


def _on_meta(tensor: torch.Tensor) -> torch.Tensor:
    if is_lazy(tensor):
        kind: Any = UninitializedParameter if isinstance(tensor, nn.Parameter) else UninitializedBuffer
        return kind(requires_grad=tensor.requires_grad, device="meta", dtype=tensor.dtype)  # type: ignore[no-any-return]
    twin = torch.empty_like(tensor, device="meta")
    return nn.Parameter(twin, tensor.requires_grad) if isinstance(tensor, nn.Parameter) else twin


def _made(spec: TensorSpec, tensor: Any) -> torch.Tensor:
    return torch.empty(spec.shape, dtype=TORCH_DTYPES[spec.dtype], device="meta")
