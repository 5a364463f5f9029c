"""Time by layer, measured: what each module of a network takes by itself, by PyTorch eager."""

from __future__ import annotations

import copy
import time
from collections import defaultdict
from dataclasses import dataclass
from statistics import median
from typing import Any

import torch
from torch import Tensor, nn

from .host import Host, this_host
from .rounds import QUIET_CORES, interleaved


@dataclass(frozen=True, slots=True)
class ModuleTime:
    """What a module takes for a batch, without the modules within it.

    Attributes:
        name: its path; "" is the network itself.
        kind: its class.
        milliseconds: of all of its calls in a forward pass, the median over the faster half of the passes.

    """

    name: str
    kind: str
    milliseconds: float


@dataclass(frozen=True, slots=True)
class Profiled:
    """A network's time by module.

    Attributes:
        modules: those that take time, in the order in which they are first called.
        milliseconds: the sum of them, which holds what reading the clock takes too.
        plain_milliseconds: a pass without clocks, the median.
        other_cores: that other processes kept busy meanwhile; None where the system does not tell.
        host: the machine, threads and versions.

    """

    modules: list[ModuleTime]
    milliseconds: float
    plain_milliseconds: float
    other_cores: float | None
    host: Host

    @property
    def is_quiet(self) -> bool:
        """Whether no more than a trace of another load lies in it."""
        return self.other_cores is None or self.other_cores < QUIET_CORES


@torch.inference_mode()
def profiled(network: nn.Module, images: Tensor, *, rounds: int = 7) -> Profiled:
    """Measure what each module takes by itself.

    A clock is read before and after each call, and what the calls within took is taken off, so that a sum or a concatenation in a
    block's own code is the block's. Passes with clocks and without take turns.

    Args:
        network: on the CPU; it stays as it is.
        images: (N, C, H, W) in float32.
        rounds: quiet measurements that are wanted.

    """
    plain = copy.deepcopy(network).eval()
    watched = copy.deepcopy(network).eval()
    clocks = _Clocks(watched)
    watched(images)
    clocks.passes.clear()

    def watched_pass() -> None:
        clocks.passes.append(defaultdict(float))
        watched(images)

    times = interleaved({"plain": lambda: plain(images), "watched": watched_pass}, rounds=rounds)
    kinds = {name: type(module).__name__ for name, module in watched.named_modules()}
    undisturbed = sorted(clocks.passes, key=lambda each: sum(each.values()))[: -(-len(clocks.passes) // 2)]
    modules = [ModuleTime(name, kinds[name], 1e3 * median(each[name] for each in undisturbed)) for name in undisturbed[0]]
    return Profiled(
        modules, sum(each.milliseconds for each in modules), 1e3 * times["plain"].seconds, times["watched"].other_cores, this_host()
    )


class _Clocks:
    """Hooks on every module that add up, pass by pass, the seconds that each takes by itself."""

    def __init__(self, network: nn.Module) -> None:
        self.passes: list[dict[str, float]] = [defaultdict(float)]
        self._running: list[list[float]] = []  # of each call under way: when it began, and seconds of the calls within
        for name, module in network.named_modules():
            module.register_forward_pre_hook(self._began(name))
            module.register_forward_hook(self._ended(name))

    def _began(self, name: str) -> Any:
        def hook(module: nn.Module, inputs: Any) -> None:
            self.passes[-1][name] += 0.0  # in the order of their beginnings
            self._running.append([time.perf_counter(), 0.0])

        return hook

    def _ended(self, name: str) -> Any:
        def hook(module: nn.Module, inputs: Any, outputs: Any) -> None:
            began, within = self._running.pop()
            took = time.perf_counter() - began
            self.passes[-1][name] += took - within
            if self._running:
                self._running[-1][1] += took

        return hook
