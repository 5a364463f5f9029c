"""What a network may cost, as options say it: `--max-params` and its kin of `pick`, `search` and `space`, `--to-params` of `scale`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import typer

from ..sizes import parse_count, parse_milliseconds, parse_size

MaxParams = Annotated[str | None, typer.Option("--max-params", metavar="COUNT", help="Parameters, as 10M.")]
MaxMacs = Annotated[str | None, typer.Option("--max-macs", metavar="COUNT", help="MACs of one image, as 1G.")]


MinParams = Annotated[str | None, typer.Option("--min-params", metavar="COUNT", help="At least so many parameters.")]
MinMacs = Annotated[str | None, typer.Option("--min-macs", metavar="COUNT", help="At least so many MACs of one image.")]

_KINDS: dict[str, tuple[str, Callable[[str, str], float]]] = {
    "params": ("params", parse_count),
    "macs": ("macs", parse_count),
    "latency": ("latency_ms", parse_milliseconds),
    "train_memory": ("train_memory_bytes", parse_size),
}


def amounts(prefix: str, **typed: str | None) -> dict[str, Any]:
    """Arguments for what was typed, None where nothing was: ``max_params``, ``max_latency_ms``, ... for the prefix "max".

    Args:
        prefix: of the options.
        typed: by their names behind it: params, macs, latency, train_memory.

    Raises:
        ConvatlasError: something typed is no such amount; names the option.

    """
    found: dict[str, Any] = {}
    for option, text in typed.items():
        name, parse = _KINDS[option]
        found[f"{prefix}_{name}"] = None if text is None else parse(text, f"--{prefix}-{option.replace('_', '-')}")
    return found
