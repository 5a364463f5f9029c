"""The GPU of this machine, measured: times by CUDA events, what is called, and its rates."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

from ..analysis.latency import launches, prepared
from ..devices.card import Card, card, list_cards
from ..devices.conditions import Conditions
from ..devices.cuda.kernels import kernels_of
from ..devices.kernel import Kernel
from ..devices.lower import Lying, Specs
from ..devices.own import gpu_name
from ..errors import ConvatlasError
from ..graph import Graph
from ..graph.batch import batched
from ..graph.ops import Op
from ..trace import trace
from ..zoo.registry import REGISTRY, build
from .calibration import Made, Sample, ready
from .pieces import Piece, Target

KINDS = [("amp", "nchw"), ("amp", "nhwc")]
_BATCHES = (8, 64)  # at smaller ones Python's launches decide, and nothing of the device
_TOGETHER = 16  # ops whose tensors are in memory at once
_FLUSHED_BYTES = 2**28  # more than any L2, and written for longer than a launch takes
_SIDE = 8192  # of the square matrices whose product stands for the peak
_TIMES = 7
_ASSUMED_CLOCK_HZ = 1.5e9  # where the driver does not tell
_SAME = 0.05  # how far a datasheet's memory may lie from what the device has


def this_gpu() -> str:
    """What the current CUDA device is called among devices.

    Raises:
        ConvatlasError: there is none.

    """
    if not torch.cuda.is_available():
        raise ConvatlasError(
            "there is no CUDA device here (torch.cuda.is_available() is false); --device cpu is this machine's CPU"
        )
    return gpu_name(torch.cuda.get_device_name())


def card_here() -> Card:
    """The datasheet of the current CUDA device where there is one of its name, memory and processors, else its rates as measured."""
    name, found = this_gpu(), torch.cuda.get_device_properties()
    if name in list_cards():
        sheet = card(name)
        if sheet.processors == found.multi_processor_count and abs(found.total_memory / sheet.memory_bytes - 1) < _SAME:
            return sheet
    flops = {dtype: 2 * _SIDE**3 / _fastest(_product(dtype)) for dtype in ("float32", "float16", "bfloat16")}
    source, target = (torch.empty(2**30, dtype=torch.uint8, device="cuda") for _ in range(2))
    return Card(
        name=name, flops=flops, vector_flops=flops["float32"], bandwidth=2 * source.numel() / _fastest(lambda: target.copy_(source)),
        l2_bytes=found.L2_cache_size, processors=found.multi_processor_count, clock_hz=_clock_hz() or _ASSUMED_CLOCK_HZ,
        memory_bytes=found.total_memory, source="rates of large products and copies, measured",
    )  # fmt: skip


def _clock_hz() -> float:
    """Of the processors now; 0 where the driver's library (pynvml) is not installed or does not tell."""
    try:
        return 1e6 * torch.cuda.clock_rate()
    except Exception:  # whatever the driver's library has against it: it is only a note
        return 0.0


def _product(dtype: str) -> Callable[[], object]:
    left, right = (torch.randn(_SIDE, _SIDE, device="cuda").to(getattr(torch, dtype)) for _ in range(2))
    return lambda: left @ right


def _fastest(call: Callable[[], object]) -> float:
    call()
    return min(_seconds(_events(call)) for _ in range(_TIMES))


Events = tuple[torch.cuda.Event, torch.cuda.Event]


def _events(call: Callable[[], object]) -> Events:
    begun, ended = (torch.cuda.Event(enable_timing=True) for _ in range(2))  # type: ignore[no-untyped-call]
    begun.record()
    result = call()
    ended.record()
    del result
    return begun, ended


def _seconds(events: Events) -> float:
    begun, ended = events
    ended.synchronize()
    return float(begun.elapsed_time(ended)) / 1e3


class CudaTimer:
    """Calls on the current CUDA device, timed by events.

    Before each call a buffer larger than L2 is written: no weights are left in L2 from the call before, and the call is launched while
    the device still writes, so that its time is the device's and not Python's. Then its input is written, as the layer before would.
    """

    def __init__(self) -> None:
        self.fastest = float("inf")
        self._flushed = torch.empty(_FLUSHED_BYTES, dtype=torch.uint8, device="cuda")
        self._image, self._weight = (torch.rand(64, 64, side, side, device="cuda").half() for side in (56, 3))
        self._calls: list[Made] = []

    @property
    def together(self) -> int:
        """Ops whose rounds are interleaved."""
        return _TOGETHER

    def make(self, group: Sequence[Piece]) -> None:
        """Get some pieces ready, and call each once, which makes its kernels."""
        self._calls.clear()  # their tensors go before others come
        self._calls = [ready(piece) for piece in group]
        self.round()

    def round(self) -> list[Sample]:
        """Call each of them once, its input written just before."""
        made = [self._timed(call, written) for call, written in self._calls]
        return [Sample(_seconds(events)) for events in made]

    def reference(self) -> float:
        """Seconds of the same convolution, now."""
        seconds = _seconds(self._timed(lambda: F.conv2d(self._image, self._weight, padding=1), []))
        self.fastest = min(self.fastest, seconds)
        return seconds

    def about(self) -> str:
        """The device with the clock that it has now, and what runs it."""
        clock = _clock_hz()
        at = f" at {clock / 1e6:,.0f} MHz" if clock else ""
        return f"{torch.cuda.get_device_name()}{at}, PyTorch {torch.__version__}, CUDA {torch.version.cuda}"

    def _timed(self, call: Callable[[], object], written: Sequence[tuple[Tensor, Tensor]]) -> Events:
        self._flushed.zero_()
        for tensor, values in written:
            tensor.copy_(values)
        return _events(call)


@cache
def _graph(name: str) -> Graph:
    with torch.device("meta"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return trace(build(name).eval(), (1, *REGISTRY[name].input_size))


def _network(name: str, batch: int, conditions: Conditions) -> Piece:
    shape = (batch, *REGISTRY[name].input_size)
    graph = batched(prepared(_graph(name), conditions.precision), batch)
    form = torch.channels_last if conditions.layout == "nhwc" else torch.contiguous_format

    def make() -> tuple[Callable[[], object], list[Tensor]]:
        network = build(name).eval().to("cuda").to(memory_format=form)
        images = torch.rand(shape, device="cuda").to(memory_format=form)

        def call() -> object:
            with torch.autocast("cuda", dtype=torch.float16):
                return network(images)

        return call, [images]

    return Piece(f"{name} at batch {batch}", True, Counter(launch.kernel for launch in launches(graph, conditions)), make)


def _on_cuda(op: Op, inputs: Specs, lying: Lying, outputs: Specs, fixed: bool) -> tuple[tuple[Kernel, ...], Lying]:
    return kernels_of(op, inputs, lying, outputs, fixed)


GPU = Target("gpu", _BATCHES, 5e13, 5e11, 1e-3, _on_cuda, "cuda", _network, False)
