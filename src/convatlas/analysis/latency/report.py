"""What a prediction of time consists of."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from ...devices.card import Card
from ...devices.conditions import Conditions
from ...devices.kernel import Kernel
from ...graph import Graph
from ...graph.ops import Cast
from ..stages import stage_names


class KernelTime(NamedTuple):
    """A kernel, the node that it runs for, how long it takes, and what binds it: "compute", "memory" or "launch"."""

    kernel: Kernel
    place: int
    milliseconds: float
    bound: str


class LayerTime(NamedTuple):
    """One call's time; in a compiled network that of the whole group that ends with it.

    Attributes:
        name: dotted path of the module that makes the call.
        op: what is called.
        milliseconds: of all of its kernels.
        share: of the whole time.
        macs: multiply-accumulates.
        flops: 2 x MACs plus the element-wise operations.
        macs_share: of all MACs.
        bytes_moved: memory traffic of its kernels.
        bound: what binds the longest of its kernels.
        kernels: what runs for it.

    """

    name: str
    op: str
    milliseconds: float
    share: float
    macs: int
    flops: int
    macs_share: float
    bytes_moved: int
    bound: str
    kernels: tuple[str, ...]
    place: int  # in `Latency.graph`


class GroupTime(NamedTuple):
    """Sums over some calls: of one stage or one op."""

    name: str
    calls: int
    milliseconds: float
    share: float
    macs_share: float


@dataclass
class Latency:
    """How long a batch takes on a device, predicted.

    Attributes:
        graph: what runs, at its batch, in its precision with autocast's casts.
        card: the device's datasheet.
        conditions: how it runs.
        profile: name of the profile that it is predicted by.
        milliseconds: for the batch: one forward pass, or one training step.
        interval: milliseconds between which nine of ten networks are that were left out of the fit.
        kernels: every kernel with its time.
        call_milliseconds: what the call takes once, beside its kernels.
        notes: what makes the prediction less sure, in words.
        at_least: whether ops without a rule are left out, so that the time is at least this.

    """

    graph: Graph
    card: Card
    conditions: Conditions
    profile: str
    milliseconds: float
    interval: tuple[float, float]
    kernels: list[KernelTime]
    call_milliseconds: float
    notes: list[str] = field(default_factory=list)
    at_least: bool = False

    @property
    def device(self) -> str:
        """The device's name."""
        return self.card.name

    @property
    def images_per_second(self) -> float | None:
        """Images a second; None where the inputs have no batch axis."""
        return self.graph.batch / self.milliseconds * 1e3 if self.graph.batch else None

    @cached_property
    def bound(self) -> dict[str, float]:
        """The share of the time that is bound by "compute", "memory" and "launch"."""
        sums = {"compute": 0.0, "memory": 0.0, "launch": self.call_milliseconds}
        for each in self.kernels:
            sums[each.bound] += each.milliseconds
        total = sum(sums.values())
        return {name: value / total for name, value in sums.items()} if total else sums

    @cached_property
    def layers(self) -> list[LayerTime]:
        """The time by call, in order."""
        groups: dict[int, list[KernelTime]] = defaultdict(list)
        for each in self.kernels:
            groups[each.place].append(each)
        total_macs = sum(each.kernel.macs for each in self.kernels) or 1
        rows = []
        for place in sorted(groups):
            node, made = self.graph.nodes[place], groups[place]
            milliseconds, macs = sum(each.milliseconds for each in made), sum(each.kernel.macs for each in made)
            longest = max(made, key=lambda each: each.milliseconds)
            rows.append(
                LayerTime(
                    node.module, node.op.name, milliseconds, milliseconds / self.milliseconds, macs, sum(each.kernel.flops for each in made), macs / total_macs,
                    sum(each.kernel.bytes_moved for each in made), longest.bound, tuple(each.kernel.kind for each in made), place,
                )
            )  # fmt: skip
        return rows

    def by_node(self, network: Graph) -> list[float]:
        """Milliseconds by the nodes of the graph that the prediction was made from: autocast's casts count to the call that reads them.

        Args:
            network: that graph, in float32.

        """
        sums, own, places = [0.0] * len(network.nodes), 0, []
        for node in self.graph.nodes:  # each of the network's nodes, casts that autocast puts in before it
            places.append(own)
            own += not isinstance(node.op, Cast) or isinstance(network.nodes[own].op, Cast)
        assert own == len(sums)
        for each in self.kernels:
            sums[places[each.place]] += each.milliseconds
        return sums

    def by_stage(self) -> list[GroupTime]:
        """The time by stage, in order (see `stages`)."""
        names = stage_names(self.graph)
        return self._by({layer.place: names[layer.place] for layer in self.layers})

    def by_op(self) -> list[GroupTime]:
        """The time by what is called, longest first."""
        made = self._by({layer.place: layer.op for layer in self.layers})
        return sorted(made, key=lambda group: -group.milliseconds)

    def _by(self, names: dict[int, str]) -> list[GroupTime]:
        groups: dict[str, list[LayerTime]] = defaultdict(list)
        for layer in self.layers:
            groups[names[layer.place]].append(layer)
        return [
            GroupTime(
                name,
                len(rows),
                sum(row.milliseconds for row in rows),
                sum(row.share for row in rows),
                sum(row.macs_share for row in rows),
            )
            for name, rows in groups.items()
        ]
