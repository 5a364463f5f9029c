"""The most that a network may cost, as options say it: `--max-params` and its kin of `pick` and `search`, `--to-params` of `scale`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from ..sizes import parse_count, parse_milliseconds, parse_size

MaxParams = Annotated[str | None, typer.Option("--max-params", metavar="COUNT", help="Parameters, as 10M.")]
MaxMacs = Annotated[str | None, typer.Option("--max-macs", metavar="COUNT", help="MACs of one image, as 1G.")]


def amounts(prefix: str, *, params: str | None, macs: str | None, latency: str | None, train_memory: str | None) -> dict[str, Any]:
    """Arguments for what was typed, None where nothing was: ``max_params``, ``max_latency_ms``, ... for the prefix "max".

    Raises:
        ConvatlasError: something typed is no such amount; names the option.

    """
    typed = (
        ("params", params, parse_count),
        ("macs", macs, parse_count),
        ("latency_ms", latency, parse_milliseconds),
        ("train_memory_bytes", train_memory, parse_size),
    )
    options = ("params", "macs", "latency", "train-memory")
    return {
        f"{prefix}_{name}": None if text is None else parse(text, f"--{prefix}-{option}")
        for (name, text, parse), option in zip(typed, options, strict=True)
    }
