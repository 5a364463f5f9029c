"""The counters that convatlas stands beside: each counts a model at an input shape, on cpu or on meta."""

from __future__ import annotations

import importlib.machinery
import sys
import types
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import nn

Shape = tuple[int, ...]


class Peer(NamedTuple):
    """One counter.

    Attributes:
        count: of a model (which it may change), an input shape and a device, what the tool calls its total.
        per_mac: what it calls a multiply-accumulate: 1, or 2 operations.
        devices: where it works; a tool that needs real tensors runs on cpu only.
    """

    count: Callable[[nn.Module, Shape, str], float]
    per_mac: int = 1
    devices: tuple[str, ...] = ("meta", "cpu")


def torchinfo(model: nn.Module, shape: Shape, device: str) -> float:
    from torchinfo import summary

    return summary(model, input_size=shape, device=device, mode="eval", verbose=0).total_mult_adds


def fvcore(model: nn.Module, shape: Shape, device: str) -> float:
    from fvcore.nn import FlopCountAnalysis

    counter = FlopCountAnalysis(model, torch.zeros(shape, device=device))
    return counter.unsupported_ops_warnings(False).uncalled_modules_warnings(False).tracer_warnings("none").total()


def ptflops(model: nn.Module, shape: Shape, device: str) -> float:
    from ptflops import get_model_complexity_info

    options: dict[str, Any] = {"print_per_layer_stat": False, "as_strings": False, "verbose": False}
    return get_model_complexity_info(model, shape[1:], backend="pytorch", **options)[0]


def ptflops_aten(model: nn.Module, shape: Shape, device: str) -> float:
    from ptflops import get_model_complexity_info

    options: dict[str, Any] = {"print_per_layer_stat": False, "as_strings": False, "verbose": False}
    return get_model_complexity_info(model, shape[1:], backend="aten", **options)[0]


def thop(model: nn.Module, shape: Shape, device: str) -> float:
    from thop import profile

    return profile(model, inputs=(torch.zeros(shape, device=device),), verbose=False)[0]


def calflops(model: nn.Module, shape: Shape, device: str) -> float:
    # it imports transformers for models that it is not given here, and does not name it among its requirements
    if "transformers" not in sys.modules:
        stand_in = types.ModuleType("transformers")
        stand_in.__spec__ = importlib.machinery.ModuleSpec("transformers", None)
        stand_in.AutoTokenizer = None  # type: ignore[attr-defined]
        sys.modules["transformers"] = stand_in
    from calflops import calculate_flops

    return calculate_flops(model=model, input_shape=shape, print_results=False, output_as_string=False)[1]


def torchprofile(model: nn.Module, shape: Shape, device: str) -> float:
    from torchprofile import profile_macs

    return profile_macs(model, torch.zeros(shape, device=device))


def flop_counter_mode(model: nn.Module, shape: Shape, device: str) -> float:
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(torch.zeros(shape, device=device))
    return counter.get_total_flops()


PEERS: dict[str, Peer] = {
    "torchinfo": Peer(torchinfo),
    "fvcore": Peer(fvcore, devices=("cpu",)),
    "ptflops": Peer(ptflops),
    "ptflops aten": Peer(ptflops_aten),
    "thop": Peer(thop),
    "calflops": Peer(calflops),
    "torchprofile": Peer(torchprofile, devices=("cpu",)),
    "FlopCounterMode": Peer(flop_counter_mode, per_mac=2),
}
