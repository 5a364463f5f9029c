"""Memory that is new to a process in each pass: its pages must be cleared by the system when they are first touched."""

from __future__ import annotations

from ...devices.cpu import Cpu
from ...devices.cpu.heap import Request, fresh_bytes
from ...graph import Graph
from ..memory.changes import Memory
from ..memory.walk import walk
from ..on_device import step_on


def pages(ready: Graph, threads: int, *, channels_last: bool = False) -> dict[int, int]:
    """Bytes in new pages by node, in a pass over a graph on a CPU whose process has made such passes before.

    Args:
        ready: a graph that is `prepared`, at the batch that runs.
        threads: of the CPU.
        channels_last: images and weights lie with their channels innermost.

    """
    memory, device = Memory(), Cpu(threads)
    for num_bytes, kind, owner in walk(step_on(ready, device, channels_last=channels_last, backward=False), device, memory):
        memory.change(num_bytes, kind, owner)
    requests = [Request(each.num_bytes, (each.kind, each.owner), each.position) for each in memory.changes]
    return fresh_bytes(requests)
