"""What is measured to calibrate a machine: single ops with the shapes that the atlas's networks have, and some networks whole."""

from __future__ import annotations

import random
import warnings
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from math import log2
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ..analysis.latency import launches, prepared
from ..devices.conditions import Conditions
from ..devices.cpu.lower import kernels_of
from ..devices.kernel import Kernel
from ..devices.lower import Lowering, Lying, Specs
from ..graph import Graph, TensorSpec
from ..graph.batch import batched
from ..graph.layout import channels_last, laid_out
from ..graph.ops import Op
from ..graph.strides import Strides
from ..runtime.fold import folded
from ..runtime.source import Source
from ..runtime.table import prepared as form_of
from ..trace import trace
from ..zoo.registry import REGISTRY, build
from .calls import function_of, tensors
from .common import common_graphs

BATCHES = (1, 8)
# of each kind of network some that run fast, so that all of them can be measured in a minute or two
NETWORKS = (
    "resnet18", "mobilenet_v2", "vgg11", "densenet121", "squeezenet1_1", "shufflenet_v2_x1_0", "efficientnet_b0", "regnet_x_400mf",
    "googlenet", "convnext_tiny", "mobilenet_v3_large", "alexnet", "resnet50", "mnasnet1_0", "resnext50_32x4d", "nasnetamobile",
    "shufflenet_v1_x1_0_g3", "seresnet50", "mobilenet_v1", "efficientnet_v2_b0", "resnet56_cifar", "preact_resnet50", "zfnet",
    "wrn_16_4_cifar", "inception_v3", "densenet_bc100_k12_cifar", "nin_imagenet", "resnet34",
)  # fmt: skip
RUNTIMES = {
    ("fp32", "nchw"): "eager",
    ("fp32", "nhwc"): "channels_last",
    ("bf16", "nhwc"): "bf16",
}  # conditions -> as bench has them
_CALL_SECONDS = 5e-6  # of any op
_FEWEST = 5  # ops of each kind and size


class Piece(NamedTuple):
    """Something to measure.

    Attributes:
        name: the same in each run, so that an interrupted calibration finds what it has measured.
        network: whether it is a whole network.
        kernels: that run, and how often.
        make: gives the call, and the tensors that are written anew before each, as the layer before would have done.

    """

    name: str
    network: bool
    kernels: Mapping[Kernel, int]
    make: Callable[[], tuple[Callable[[], object], list[Tensor]]]


@dataclass(frozen=True)
class _Call:
    op: Op
    inputs: tuple[TensorSpec, ...]
    lying: tuple[Strides, ...]


class Target(NamedTuple):
    """A kind of device that is calibrated, and what is measured of it.

    Attributes:
        model: of time, in `MODELS`.
        batches: of ops and networks.
        flops, bandwidth: FLOPs and bytes a second of some such device, to choose ops by before anything was measured.
        longest_seconds: of an op, by these rates; so much of one op says no more than less of it.
        lowering: the kernels of one op, as `lower` wants it.
        place: where torch's tensors are.
        network: a network of the zoo as a piece, at a batch and under some conditions.
        apart: whether networks are measured in a process of their own: on a CPU what ops leave of the heap slows them.

    """

    model: str
    batches: tuple[int, ...]
    flops: float
    bandwidth: float
    longest_seconds: float
    lowering: Lowering
    place: str
    network: Callable[[str, int, Conditions], Piece]
    apart: bool

    def guess(self, kernels: Iterable[Kernel]) -> float:
        """Seconds of some kernels, about."""
        return sum(2 * kernel.macs / self.flops + kernel.bytes_moved / self.bandwidth + _CALL_SECONDS for kernel in kernels)


def graphs_of_the_atlas(progress: Callable[[int, int, str], None]) -> list[Graph]:
    """The zoo's networks and `common_graphs`, of one image in float32. ``progress`` is told how many are traced, of how many, and which is next."""
    graphs = []
    for done, (name, entry) in enumerate(REGISTRY.items()):
        progress(done, len(REGISTRY), name)
        with torch.device("meta"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            graphs.append(trace(build(name).eval(), (1, *entry.input_size)))
    return [*graphs, *common_graphs()]


def network_pieces(conditions: Conditions, target: Target | None = None) -> list[Piece]:
    """Whole networks, in an order of which any first part is a fair sample.

    Args:
        conditions: precision and layout; on a CPU with a runtime in `RUNTIMES`.
        target: what is measured; by default this machine's CPU.

    """
    target = target or CPU
    return [target.network(name, batch, conditions) for name in NETWORKS for batch in target.batches]


def op_pieces(graphs: Iterable[Graph], conditions: Conditions, count: int, target: Target | None = None) -> Iterator[Piece]:
    """Single ops: some of every kind and size, more of those that take much of the networks' time, in an order as of networks.

    Args:
        graphs: of networks whose shapes count.
        conditions: precision and layout.
        count: how many, about.
        target: what is measured; by default this machine's CPU.

    """
    target = target or CPU
    kernels: dict[_Call, tuple[Kernel, ...]] = {}
    weight: defaultdict[_Call, float] = defaultdict(float)
    for graph in graphs:
        for batch in target.batches:
            for call, made in _calls(batched(prepared(graph, conditions.precision), batch), conditions, target):
                kernels[call] = made
                weight[call] += target.guess(made)
    strata: dict[tuple[str, int], list[_Call]] = defaultdict(list)
    for call, made in kernels.items():
        strata[made[-1].kind, round(log2(target.guess(made)) / 2)].append(call)
    total, chance = sum(weight.values()), random.Random(0)
    chosen = []
    for calls in strata.values():
        wanted = max(_FEWEST, int(count * sum(weight[call] for call in calls) / total))
        # without replacement, by the root of what each takes: exponential keys of Efraimidis and Spirakis, 2006
        keys = {call: chance.random() ** (1 / weight[call] ** 0.5) for call in calls}
        chosen += sorted(calls, key=lambda call: -keys[call])[:wanted]
    chance.shuffle(chosen)
    for call in chosen:
        yield Piece(_name(call), False, Counter(kernels[call]), partial(_call, call, target.place))


def _calls(graph: Graph, conditions: Conditions, target: Target) -> Iterator[tuple[_Call, tuple[Kernel, ...]]]:
    """The ops of a graph that can be called alone and take no longer than is wanted, with their kernels."""
    ready, strides = laid_out(graph, channels_last(graph) if conditions.layout == "nhwc" else {})
    for node in ready.nodes:
        inputs, outputs = (tuple([ready.values[value] for value in values]) for values in (node.inputs, node.outputs))
        call = _Call(node.op, inputs, tuple([strides[value] for value in node.inputs]))
        if function_of(node.op) is not None:
            made, _ = target.lowering(node.op, inputs, call.lying, outputs, False)
            if made and target.guess(made) < target.longest_seconds:
                yield call, made


def _name(call: _Call) -> str:
    shapes = [
        "x".join(map(str, spec.shape)) + ("" if lies is None else str(list(lies)))
        for spec, lies in zip(call.inputs, call.lying, strict=True)
    ]
    return f"{call.op} of {', '.join(shapes)}"


def _call(call: _Call, place: str) -> tuple[Callable[[], object], list[Tensor]]:
    function = function_of(call.op)
    assert function is not None
    made = tensors(call.inputs, call.lying, place)
    return partial(function, *made), made if call.op.kind in ("arithmetic", "concat") else made[:1]


def _network(name: str, batch: int, conditions: Conditions) -> Piece:
    runtime = RUNTIMES[conditions.precision, conditions.layout]
    shape = (batch, *REGISTRY[name].input_size)
    with torch.device("meta"):
        graph = graph_for(build(name).eval(), runtime, shape)
    ready = prepared(graph, conditions.precision)
    counts = Counter([launch.kernel for launch in launches(ready, conditions, torch.get_num_threads())])

    def make() -> tuple[Callable[[], object], list[Tensor]]:
        images = torch.rand(shape)
        form = form_of(runtime, Source(build(name).eval(), images))
        return partial(form, images), [images]

    return Piece(f"{name} at batch {batch}", True, counts, make)


def _here(op: Op, inputs: Specs, lying: Lying, outputs: Specs, fixed: bool) -> tuple[tuple[Kernel, ...], Lying]:
    return kernels_of(op, inputs, lying, outputs, fixed, threads=torch.get_num_threads())


CPU = Target("cpu", BATCHES, 1e11, 1e10, 0.02, _here, "cpu", _network, True)


def graph_for(network: nn.Module, runtime: str, shape: tuple[int, ...]) -> Graph:
    """What a runtime of PyTorch's runs of a network in evaluation mode: with batch norms folded, where it folds them."""
    graph = trace(network, shape)
    return trace(folded(network, graph)[0], shape) if runtime in ("folded", "bf16") else graph
