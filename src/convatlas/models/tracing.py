"""A loaded network's graph; what to do about one that cannot be traced."""

from __future__ import annotations

from ..errors import ConvatlasError
from ..graph import Graph
from ..inputs import Inputs, InputsLike
from ..trace import TraceError, trace
from ..trace.ways import AUTO
from .loading import IMAGE_SIZE, Loaded
from .parts import first_convolution

_SAY = "say it, as `--input 3x64x64` or inputs=(1, 3, 64, 64), or give the network an attribute `input_size`"


def traced(loaded: Loaded, inputs: InputsLike, training: bool, way: str = AUTO) -> Graph:
    """The graph of a network, called as it was asked for.

    Raises:
        ConvatlasError: it cannot be traced at that input; names the part of a detector that can.

    """
    try:
        graph = trace(loaded.module, inputs, training=training, way=way)
    except TraceError as error:
        if hasattr(loaded.module, "backbone"):
            part = f"{loaded.name}.backbone" if loaded.name else "its `.backbone`"
            raise type(error)(f"{error}. A part of it can be counted: {part}") from error
        if loaded.name and _is_guess(loaded, inputs):
            raise type(error)(f"{error}. {loaded.name} does not say its input size, so this one was tried; {_SAY}") from error
        raise
    if loaded.name:
        graph.name = loaded.name
    return graph


def own_size(loaded: Loaded) -> tuple[int, ...]:
    """The size of one sample where nothing was said of it: the network's own, or a usual image's for a network of images.

    Raises:
        ConvatlasError: the network does not say it, and does not begin with a convolution over images.

    """
    size = loaded.input_size or _usual_size(loaded)
    if size is None:
        raise ConvatlasError(f"{loaded.name or type(loaded.module).__name__} does not say its input size; {_SAY}")
    return size


def _usual_size(loaded: Loaded) -> tuple[int, ...] | None:
    first = first_convolution(loaded.module)  # a lazy one has no channels yet
    return (first.in_channels, *IMAGE_SIZE[1:]) if first is not None and first.in_channels and len(first.kernel_size) == 2 else None


def _is_guess(loaded: Loaded, inputs: InputsLike) -> bool:
    size = _usual_size(loaded)
    return loaded.input_size is None and size is not None and Inputs.of(inputs).at_batch(1) == Inputs((1, *size))
