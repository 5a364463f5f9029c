"""The two ways to a graph, and which one is taken."""

from __future__ import annotations

from ..graph import Graph
from ..inputs import Inputs
from ..names import unknown_name
from . import quick
from .errors import TraceError, Unsure
from .network import Modules
from .random_states import random_states_kept

AUTO, QUICK, EXACT = "auto", "quick", "exact"
WAYS = (AUTO, QUICK, EXACT)


def checked(way: str) -> str:
    """The way, if it is one.

    Raises:
        ConvatlasError: it is none.

    """
    if way not in WAYS:
        raise unknown_name("way to trace", way, WAYS)
    return way


def traced(modules: Modules, given: Inputs, training: bool, way: str) -> Graph:
    """The graph of one forward pass by one of `WAYS`: ``auto`` begins quick, and anew exactly where that meets what it does not know.

    Raises:
        ForwardError: what the forward pass raised, and where.
        TraceError: the quick way was asked for, and does not know something.

    """
    with random_states_kept(set(modules.kinds)):
        why = "it was asked for"
        if way != EXACT:
            try:
                return quick.traced(modules, given, training)
            except Unsure as reason:
                if way == QUICK:
                    raise TraceError(f'the quick way gave up: {reason}; take the exact one: way="exact", or `--exact`') from None
                why = str(reason)
        from . import exact

        graph = exact.traced(modules, given, training)
        graph.way, graph.why = EXACT, why
        return graph
