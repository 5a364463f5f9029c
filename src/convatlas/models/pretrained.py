"""A network of the zoo with weights in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..weights.load import load_weights
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
