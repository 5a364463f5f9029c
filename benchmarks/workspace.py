"""What a convolution takes of a CPU's memory while it runs, beside its tensors: measured over sampled shapes.

    python benchmarks/workspace.py --threads 2 --output FILE [--count N]

Each row is one call, forward and backward, under torch's profiler: the highest sum of its allocations, with what it returns.
The rows that `tests/devices/cpu` holds the CPU's kernels to were made by this.
"""

from __future__ import annotations

import argparse
import random
import warnings
from collections.abc import Iterator
from math import prod
from pathlib import Path

import torch
from torch import Tensor, nn

from convatlas.files import atomic_write
from convatlas.measure.memory import peak_of_allocations

CHANNELS = (8, 16, 16, 24, 32, 32, 48, 64, 64, 96, 128)
FEW = (1, 2, 3, 5, 10)  # channels of images, and of what networks end in
SIZES = {1: (50, 128, 400, 1000), 2: (7, 8, 14, 16, 28, 32, 33, 56, 64), 3: (4, 7, 8, 12, 16, 24)}
LAYERS = {
    (1, False): nn.Conv1d,
    (2, False): nn.Conv2d,
    (3, False): nn.Conv3d,
    (1, True): nn.ConvTranspose1d,
    (2, True): nn.ConvTranspose2d,
    (3, True): nn.ConvTranspose3d,
}
MOST_BYTES = 1 << 22  # of a tensor
MOST_MACS = 10**8  # of a call, so that the whole table takes minutes
FIELDS = [
    "dimensions",
    "transposed",
    "batch",
    "channels",
    "size",
    "filters",
    "kernel",
    "stride",
    "padding",
    "dilation",
    "groups",
    "layout",
    "dtype",
    "threads",
    "forward_bytes",
    "backward_bytes",
]
Row = dict[str, str | int]


def sampled(count: int, seed: int = 0) -> Iterator[Row]:
    """So many calls, drawn over everything that decides which kernel runs."""
    draw = random.Random(seed)
    while count:
        dimensions = draw.choice((1, 2, 2, 2, 3, 3))
        transposed = draw.random() < 0.25
        channels, filters = (draw.choice(FEW if draw.random() < 0.15 else CHANNELS) for _ in range(2))
        kind = "dense" if dimensions == 1 else draw.choice(("dense", "dense", "dense", "dilated", "depthwise", "grouped"))
        groups = {"depthwise": channels, "grouped": draw.choice((2, 4, 8))}.get(kind, 1)
        filters = channels if kind == "depthwise" else filters
        if channels % groups or filters % groups or (transposed and kind == "dilated"):
            continue
        kernel = draw.choice(
            (2, 3, 4, 4, 5) if transposed else (3, 3, 3, 5, 7) if kind != "dense" else (1, 1, 2, 3, 3, 3, 3, 4, 5, 7)
        )
        stride = draw.choice((1, 2, 2)) if transposed else 1 if kind == "dilated" else draw.choice((1, 1, 1, 2, 2, 4))
        dilation = draw.choice((2, 2, 3, 4, 6, 12)) if kind == "dilated" else 1
        size = draw.choice(SIZES[dimensions])
        padding = dilation * (kernel - 1) // 2 if draw.random() < 0.8 else 0
        row: Row = {
            "dimensions": dimensions, "transposed": int(transposed), "batch": draw.choice((1, 1, 2, 4, 8)), "channels": channels,
            "size": size, "filters": filters, "kernel": kernel, "stride": stride, "padding": padding, "dilation": dilation,
            "groups": groups, "layout": draw.choice(("nchw", "nchw", "nchw", "nhwc")) if dimensions == 2 else "nchw",
            "dtype": draw.choice(("float32",) * 5 + ("bfloat16",)),
        }  # fmt: skip
        if _fits(row):
            count -= 1
            yield row


def layer_of(row: Row) -> nn.Module:
    """The layer of a row; its sizes are the same along each axis."""
    made: nn.Module = LAYERS[int(row["dimensions"]), bool(int(row["transposed"]))](
        int(row["channels"]), int(row["filters"]), int(row["kernel"]), stride=int(row["stride"]), padding=int(row["padding"]),
        dilation=int(row["dilation"]), groups=int(row["groups"]),
    )  # fmt: skip
    return made


def shape_of(row: Row) -> tuple[int, ...]:
    """The shape of its input."""
    return (int(row["batch"]), int(row["channels"]), *[int(row["size"])] * int(row["dimensions"]))


def _fits(row: Row) -> bool:
    with torch.device("meta"):
        try:
            made: Tensor = layer_of(row)(torch.empty(shape_of(row)))
        except RuntimeError:  # the window is larger than the map
            return False
    taps = int(row["kernel"]) ** int(row["dimensions"]) * int(row["channels"]) // int(row["groups"])
    light = max(prod(made.shape), prod(shape_of(row))) * taps <= MOST_MACS
    return light and 4 * max(prod(made.shape), prod(shape_of(row))) <= MOST_BYTES


def measured(row: Row) -> Row:
    """The row with its bytes."""
    dtype, last = getattr(torch, str(row["dtype"])), row["layout"] == "nhwc"
    layer, x = layer_of(row).to(dtype), torch.randn(shape_of(row), dtype=dtype)
    if last:
        layer, x = layer.to(memory_format=torch.channels_last), x.to(memory_format=torch.channels_last)
    x.requires_grad_()
    wanted = [x, *layer.parameters()]
    made: list[Tensor] = [layer(x)]  # a first call, which makes what oneDNN keeps
    gradient = torch.ones_like(made[0])
    torch.autograd.grad(made.pop(), wanted, gradient)
    forward = peak_of_allocations(lambda: made.append(layer(x)))
    backward = peak_of_allocations(lambda: torch.autograd.grad(made[0], wanted, gradient))
    return row | {"threads": torch.get_num_threads(), "forward_bytes": forward, "backward_bytes": backward}


def main() -> None:
    """Measure, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--count", type=int, default=600)
    parser.add_argument("--output", type=Path, required=True)
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    torch.set_num_threads(options.threads)
    with atomic_write(options.output) as out:
        lines = [",".join(FIELDS)]
        for place, row in enumerate(sampled(options.count)):
            lines.append(",".join(str(measured(row)[field]) for field in FIELDS))
            if place % 50 == 49:
                print(f"{place + 1} of {options.count}", flush=True)
        out.write(("\n".join(lines) + "\n").encode())


if __name__ == "__main__":
    main()
