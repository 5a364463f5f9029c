"""A graph's kernels on a GPU, compiled by Inductor: convolutions and products as they are, everything else in fused groups.

What is fused, said as a rule on the graph. The level of a node is the largest number of convolutions, products, reductions and
poolings on a way to it. Backwards over the nodes, an element-wise op, a normalisation over rows, a padding, a copy or a
concatenation joins the group of its users, if that runs at its own level; if one group has all of its users, it joins that at any
level, for then nothing else waits for it. A reduction takes its producers in and ends the group, as does a concatenation of many.
A group is one kernel: it reads what comes from outside of it, and writes what is used outside.
"""

from __future__ import annotations

from collections import defaultdict

from ...graph import Graph, Node
from ...graph.layout import channels_last as channels_last_strides
from ...graph.ops import Conv
from ...graph.spec import bytes_of
from ...graph.strides import Strides, channels_innermost
from ..kernel import Kernel, Launch
from .kernels import NEWEST, Version, kernels_of

_LONGEST_CONCAT = 8
_POOLS = frozenset({"max_pool", "avg_pool"})
_FUSED = frozenset(
    {"activation", "arithmetic", "batch_norm", "layer_norm", "rms_norm", "softmax", "cast", "dropout", "stochastic_depth", "pad", "concat",
     "stack", "copy", "where", "fill", "interpolate", "gather", "identity", "pixel_shuffle", "assign", "instance_norm"}
)  # fmt: skip
_REDUCED = frozenset({"reduce", "adaptive_avg_pool", "group_norm", "cumulative", "select", "local_response_norm"})
# Inductor's own factors for convolutions with channels innermost, against contiguous ones (`decide_layout_opt`)
_GROUPED, _TO_NARROWER, _SMALL, _OTHER = 1.358, 0.725, 0.783, 0.823
_FEWEST_CONVOLUTIONS = 1 / 300  # of the nodes, below which Inductor leaves the layout alone


def prefers_channels_last(graph: Graph) -> bool:
    """Whether Inductor moves the network to channels-last: its own weighted sum of the convolutions' FLOPs."""
    total = weighted = 0.0
    count = 0
    for node in graph.nodes:
        if not isinstance(node.op, Conv) or len(node.op.stride) != 2:
            continue
        count += 1
        filters, channels, *taps = graph.values[node.inputs[1]].shape
        flops = float(node.op.macs(graph.specs(node.inputs), graph.specs(node.outputs)))
        if node.op.groups > 1 and channels > 1:
            factor = _GROUPED
        elif channels <= 64 and filters <= 64:
            factor = _SMALL
        elif 2 * filters <= channels and taps[0] > 1:
            factor = _TO_NARROWER
        else:
            factor = _OTHER
        total, weighted = total + flops, weighted + factor * flops
    return count > 0 and count >= _FEWEST_CONVOLUTIONS * len(graph.nodes) and weighted <= total


def lower_compiled(graph: Graph, *, channels_last: bool = False, torch: Version = NEWEST) -> list[Launch]:
    """The kernels of one pass over the graph, compiled; a group's is placed at its last node.

    Args:
        graph: in the precision in which it runs, autocast's casts put in.
        channels_last: images and weights come with their channels innermost; Inductor may choose so by itself.
        torch: its version.

    """
    return _Fusion(graph, channels_last or prefers_channels_last(graph), torch).launches()


class _Fusion:
    def __init__(self, graph: Graph, channels_last: bool, torch: Version) -> None:
        self.graph, self.torch = graph, torch
        self.source = list(range(len(graph.values)))  # through views, the value that lies in memory
        constant = set(graph.parameters.values).union(graph.buffers.values, graph.constants)
        self.users: dict[int, list[int]] = defaultdict(list)
        self.level = [0] * len(graph.nodes)
        self.fixed = [False] * len(graph.nodes)
        self.kinds = [""] * len(graph.nodes)
        producer: dict[int, int] = {}
        for place, node in enumerate(graph.nodes):
            kind = self.kinds[place] = _kind(node, graph)
            self.fixed[place] = constant.issuperset(node.inputs)
            if self.fixed[place]:
                constant.update(node.outputs)
            for value in node.inputs:
                base = self.source[value]
                if kind != "view":
                    self.users[base].append(place)
                if base in producer:
                    before = producer[base]
                    self.level[place] = max(self.level[place], self.level[before] + (self.kinds[before] not in ("fused", "view")))
            for value in node.outputs:
                if kind == "view" or node.op.in_place:
                    self.source[value] = self.source[node.inputs[0]]
                else:
                    producer[value] = place
            if node.op.in_place and node.inputs:
                producer[self.source[node.inputs[0]]] = place
        self.strides = self._strides(channels_last)
        self.kept = {self.source[value] for value in graph.outputs}

    def _strides(self, channels_last: bool) -> list[Strides]:
        graph = self.graph
        strides: list[Strides] = [None] * len(graph.values)
        if channels_last:
            for value, lies in channels_last_strides(graph).items():
                strides[value] = lies
        self.own: list[tuple[Kernel, ...]] = []
        for node in graph.nodes:
            specs, made = tuple(graph.specs(node.inputs)), tuple(graph.specs(node.outputs))
            kernels, lying = kernels_of(node.op, specs, tuple([strides[value] for value in node.inputs]), made, torch=self.torch)
            self.own.append(kernels)
            for value, each in zip(node.outputs, lying, strict=True):
                strides[value] = each
        return strides

    def groups(self) -> dict[int, list[int]]:
        """The fused groups: a number for each -> its nodes, in order."""
        nodes = self.graph.nodes
        parent: dict[int, int] = {}
        runs_at: dict[int, int] = {}  # the highest level in the group of a root

        def root(place: int) -> int:
            while parent[place] != place:
                parent[place] = parent[parent[place]]
                place = parent[place]
            return place

        for place in range(len(nodes) - 1, -1, -1):
            kind = self.kinds[place]
            if kind not in ("fused", "reduced"):
                continue
            parent[place], runs_at[place] = place, self.level[place]
            if kind != "fused" or self._ends_a_group(nodes[place]):
                continue
            users = {user for value in nodes[place].outputs for user in self.users[self.source[value]] if user > place}
            groups = {root(user) for user in users & parent.keys()}
            inlined = users <= parent.keys() and len(groups) == 1
            for group in groups:
                if self.fixed[group] == self.fixed[place] and (inlined or runs_at[group] == self.level[place]):
                    runs_at[place] = runs_at[group]
                    parent[group] = place
        made: dict[int, list[int]] = defaultdict(list)
        for place in sorted(parent):
            made[root(place)].append(place)
        return made

    def _ends_a_group(self, node: Node) -> bool:
        return node.op.kind in ("concat", "stack") and len(node.inputs) > _LONGEST_CONCAT

    def launches(self) -> list[Launch]:
        """All kernels, in order of their (last) node."""
        found: list[Launch] = []
        for place, kind in enumerate(self.kinds):
            if kind not in ("fused", "reduced", "view"):
                found.extend(Launch(kernel, place) for kernel in self.own[place] if kernel.kind not in ("transpose", "rows"))
        for places in self.groups().values():
            kernel = self._fused_kernel(places)
            found.append(Launch(kernel._replace(kind="weights") if self.fixed[places[-1]] else kernel, places[-1]))
        return sorted(found, key=lambda launch: launch.place)

    def _fused_kernel(self, places: list[int]) -> Kernel:
        graph, inside = self.graph, set(places)
        made = {self.source[value] for place in places for value in graph.nodes[place].outputs}
        read = {self.source[value] for place in places for value in graph.nodes[place].inputs} - made
        written = {value for value in made if value in self.kept or any(user not in inside for user in self.users[value])}
        names = {graph.nodes[place].op.name for place in places}
        elementwise = sum(
            graph.nodes[place].op.elementwise(graph.specs(graph.nodes[place].inputs), graph.specs(graph.nodes[place].outputs))
            for place in places
        )
        layouts = {
            "nhwc" if channels_innermost(graph.values[value].shape, self.strides[value]) else "nchw"
            for value in (*read, *written)
            if len(graph.values[value].shape) == 4 and graph.values[value].numel > graph.values[value].shape[1]
        }
        layout = "mixed" if len(layouts) > 1 else next(iter(layouts), "nchw")
        kinds = {graph.nodes[place].op.kind for place in places}
        row = max(
            (graph.values[graph.nodes[place].inputs[0]].shape[-1] for place in places if graph.nodes[place].op.kind in _OVER_ROWS),
            default=0,
        )
        return Kernel(
            "fused:" + _content(kinds, names), bytes_of(graph.specs(sorted(read))), bytes_of(graph.specs(sorted(written))), elementwise,
            graph.values[graph.nodes[places[-1]].outputs[0]].dtype, layout, span=row,
        )  # fmt: skip


_OVER_ROWS = frozenset({"layer_norm", "softmax", "rms_norm"})


def _content(kinds: set[str], names: set[str]) -> str:
    """What in a group decides over its speed."""
    if kinds & _REDUCED:
        return "reduction"
    for kind in ("layer_norm", "rms_norm", "softmax", "interpolate", "concat", "stack", "pad", "gather"):
        if kind in kinds:
            return kind
    if names & {"gelu", "silu", "tanh", "sigmoid", "mish", "erf", "softplus", "exp"}:
        return "transcendental"
    return "pointwise"


def _kind(node: Node, graph: Graph) -> str:
    """Whether a node is a "view", is "fused", is "reduced", or runs as a kernel of its "own"."""
    op = node.op
    if op.is_view and not op.in_place:
        return "view"
    if op.kind == "view":
        return "fused"  # a reshape that copies
    if op.kind in _REDUCED:
        return "reduced"
    if op.kind in _FUSED:
        return "fused"
    return "own"
