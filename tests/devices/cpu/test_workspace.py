"""What single convolutions take of a CPU's memory: the device's scripts against a table that was measured.

The table (`benchmarks/workspace.py` makes one): AMD EPYC with AVX-512 and BF16, torch 2.14.1, 1 and 2 threads.
"""

from __future__ import annotations

import csv
import runpy
from pathlib import Path

import pytest
import torch

import convatlas as ca
from convatlas.devices.call import Call
from convatlas.devices.cpu import Cpu
from convatlas.devices.script import OUTPUT, Made, Script
from convatlas.graph import TensorSpec
from convatlas.graph.strides import Strides, channels_last_strides

BENCHMARK = runpy.run_path(str(Path(__file__).parents[3] / "benchmarks" / "workspace.py"))
ROWS = list(csv.DictReader(Path(__file__).with_name("workspace.csv").read_text().splitlines()))


def highest(script: Script, made: list[int]) -> int:
    """The most bytes at once, with the tensors that a call makes."""
    waiting = dict(enumerate(made))
    now = most = 0
    for event in script:
        if event is OUTPUT:
            now += sum(waiting.values())
            waiting.clear()
        else:
            now += waiting.pop(event.index, 0) if isinstance(event, Made) else int(event)
        most = max(most, now)
    return max(most, now + sum(waiting.values()))


def predicted(row: dict[str, str]) -> tuple[int, int]:
    """Bytes of a call forward and backward."""
    shape = BENCHMARK["shape_of"](row)
    with torch.device("meta"):
        layer = BENCHMARK["layer_of"](row)
        made = layer(torch.empty(shape))
    op = ca.trace(layer, shape).nodes[-1].op
    inputs = [TensorSpec(tuple(each), row["dtype"]) for each in (shape, layer.weight.shape, layer.bias.shape)]
    output = TensorSpec(tuple(made.shape), row["dtype"])
    lay: list[Strides] = [channels_last_strides(each.shape) if row["layout"] == "nhwc" else None for each in (*inputs[:2], output)]
    forward = Call(op, inputs, [output], [*lay[:2], None])
    backward = forward._replace(wanted=(True, True, True), gradient=output, gradient_lies=lay[2])
    device = Cpu(int(row["threads"]))
    return (
        highest(device.script(forward), [output.nbytes]),
        highest(device.script(backward), [each.nbytes for each in inputs]),
    )


@pytest.mark.parametrize(
    ("dtype", "layout", "share"), [("float32", "nchw", 0.96), ("float32", "nhwc", 0.88), ("bfloat16", "nchw", 0.62)]
)
def test_calls_take_what_was_measured(dtype: str, layout: str, share: float) -> None:
    rows = [row for row in ROWS if (row["dtype"], row["layout"]) == (dtype, layout)]
    near = [
        abs(bytes_said / int(row[f"{name}_bytes"]) - 1) < 0.01
        for row in rows
        for name, bytes_said in zip(("forward", "backward"), predicted(row), strict=True)
    ]
    assert sum(near) / len(near) >= share
