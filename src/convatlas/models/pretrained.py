"""A network with weights in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import nn

from ..errors import ConvatlasError
from ..weights.load import load_weights, read_state
from ..zoo import Network, create, entry


def create_with_weights(name: str, weights: str | Path | None, **options: Any) -> Network:
    """`zoo.create`, and then its weights.

    Args:
        name: of the network.
        weights: "imagenet" for the published file, an https URL, or a file; None leaves the network as its paper initialises
            it. Another ``num_classes`` starts the last layer anew, another ``in_channels`` adapts the first convolution; a
            warning says so.
        options: the builder's.

    Raises:
        ConvatlasError: what `zoo.create` refuses, or weights that cannot be had or do not fit.
    """
    if weights is None:
        return create(name, **options)
    if weights == "imagenet" and "transform_input" in entry(name).options and options.get("in_channels", 3) == 3:
        options.setdefault("transform_input", True)  # the published weights were made for images normalised in another way
    network = create(name, **options)
    load_weights(network, name, weights)
    return network


def load_file(network: nn.Module, weights: str) -> None:
    """Load a file's weights into a network that is not of the zoo, whose names of parameters they must have.

    Raises:
        ConvatlasError: there is no such file, or it does not fit.
    """
    path = Path(weights)
    if not path.is_file():
        raise ConvatlasError(f"`weights` (={weights}) is no file; published weights are for networks of the zoo")
    try:
        network.load_state_dict(read_state(path))
    except RuntimeError as error:
        raise ConvatlasError(f"{weights} does not fit {type(network).__name__}: {' '.join(str(error).split())[:300]}") from error
