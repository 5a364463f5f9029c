"""What moves elements, copies them or makes them of nothing."""

from __future__ import annotations

import torch

from ....graph.ops import (
    Assign,
    Cast,
    ChannelShuffle,
    Concat,
    Copy,
    Embedding,
    EmbeddingBag,
    Fill,
    Flip,
    Gather,
    Repeat,
    Roll,
    Stack,
)
from ..calls import Call
from .base import Made, Rule


def copy(name: str) -> Rule:
    """A copy, perhaps of another shape."""

    def rule(call: Call) -> Made:
        return Copy(name, None if call.out.shape == call.x.shape else call.out.shape)

    return rule


def flip(call: Call) -> Made:
    """Axes from last to first."""
    return Flip(call.axes("dims"))


def quarter_turns(call: Call) -> Made:
    """Turns in a plane of two axes: two of them reverse both axes."""
    if call["k"] % 4 == 2:
        return Flip(call.axes("dims"))
    return Copy("rot90", None if call.out.shape == call.x.shape else call.out.shape)


def roll(call: Call) -> Made:
    """Positions moved on along axes."""
    return Roll(tuple(call["shifts"]), call.axes("dims") if call["dims"] else ())


def repeat(call: Call) -> Made:
    """Axes several times over."""
    return Repeat(tuple(call["repeats"]))


def channel_shuffle(call: Call) -> Made:
    """Each group's channels spread over all."""
    return ChannelShuffle(call["groups"])


_MEMORY_FORMATS = {
    torch.contiguous_format: "contiguous",
    torch.channels_last: "channels_last",
    torch.channels_last_3d: "channels_last",
}


def clone(call: Call) -> Made:
    """A copy, laid out as it is asked for."""
    wanted = _MEMORY_FORMATS.get(call["memory_format"], "preserve")
    return Copy("clone") if wanted == "preserve" else Copy("contiguous", None, wanted)


def to_copy(call: Call) -> Made:
    """Another dtype, or a copy."""
    return Cast(call.out.dtype) if call.out.dtype != call.x.dtype else Copy("clone")


def assign(*order: str) -> Rule:
    """What is written into the first tensor, then where it goes."""
    return lambda call: (Assign(call.x.shape), [call.inputs[0], *call.given(*[name for name in order if name in call])])


def filled(name: str) -> Rule:
    """A tensor overwritten by what is made of nothing, or a new one."""
    return lambda call: assign("value")(call) if call.inputs and call.result is call.inputs[0] else fill(name)(call)


def index_put(call: Call) -> Made:
    """Elements written where an index says."""
    return Assign(tuple(call["values"].shape)), [call.inputs[0], call["values"], *call.given("indices")]


def written_copy(call: Call) -> Made:
    """A copy with something written into it."""
    return Copy(call.function)


def concat(call: Call) -> Made:
    """Tensors one after another."""
    return Concat(call["dim"])


def stack(call: Call) -> Made:
    """Tensors side by side."""
    return Stack(call["dim"])


def gather(call: Call) -> Made:
    """Elements picked by indices."""
    return Gather(call.out.shape)


def embedding(call: Call) -> Made:
    """Rows of a table."""
    return Embedding(), call.given("indices", "weight")


def embedding_bag(call: Call) -> Made:
    """Sums, means or maxima of rows of a table."""
    return EmbeddingBag(("sum", "mean", "max")[call["mode"]], call.out.shape[0]), call.given(
        "indices", "weight", "per_sample_weights"
    )


def fill(name: str) -> Rule:
    """A tensor made of nothing."""
    return lambda call: (Fill(call.out.shape, call.out.dtype, name), [])
