"""The CUDA model: the caching allocator against cases worked by hand, and the largest batches that others have recorded."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import convatlas as ca
from convatlas.analysis.memory import Settings, training_memory
from convatlas.devices.cuda.allocator import CachingAllocator
from convatlas.devices.cuda.memory import Cuda

MIB = 2**20
MEASUREMENTS = Path(__file__).parents[4] / "shared" / "measurements"
SCHEDULE = [512, 384, 256, 192, 128, 96, 64, 48, 32, 24, 16, 12, 8, 6, 4, 2, 1]
NO_CONVNETS = ("former", "vision", "vit", "xcit", "cait", "deit", "beit", "tnt", "twins", "mixer", "nest", "edgenext", "volo",
               "pyramidv", "eva", "sequencer", "multiscale", "coat", "swin", "pit", "levit", "mvit", "crossvit")  # fmt: skip
EVERY_NTH = 6  # the sample that runs each time


@pytest.fixture
def allocator() -> CachingAllocator:
    return CachingAllocator()


def test_small_requests_share_one_segment_of_2_mib(allocator: CachingAllocator) -> None:
    for _ in range(4096):
        allocator.allocate(1)  # each takes 512 bytes
    assert allocator.reserved == 2 * MIB
    allocator.allocate(1)
    assert allocator.reserved == 4 * MIB


def test_a_request_is_rounded_up_to_512_bytes(allocator: CachingAllocator) -> None:
    assert allocator.allocate(513).size == 1024


@pytest.mark.parametrize(
    ("request_bytes", "reserved"),
    [
        (MIB, 2 * MIB),  # the largest that is small
        (MIB + 1, 20 * MIB),
        (10 * MIB - 512, 20 * MIB),
        (10 * MIB, 10 * MIB),  # a segment of its own
        (11 * MIB, 12 * MIB),  # rounded up to 2 MiB
    ],
)
def test_segment_sizes(allocator: CachingAllocator, request_bytes: int, reserved: int) -> None:
    allocator.allocate(request_bytes)
    assert allocator.reserved == reserved


def test_the_rest_of_a_large_segment_serves_the_next_request(allocator: CachingAllocator) -> None:
    allocator.allocate(8 * MIB)
    allocator.allocate(8 * MIB)
    assert allocator.reserved == 20 * MIB
    allocator.allocate(8 * MIB)  # 4 MiB are left, so a second segment
    assert allocator.reserved == 40 * MIB


def test_a_rest_of_a_mebibyte_or_less_is_not_split_off(allocator: CachingAllocator) -> None:
    assert allocator.allocate(11 * MIB).size == 12 * MIB


def test_neighbours_merge_when_they_are_free(allocator: CachingAllocator) -> None:
    first, second = allocator.allocate(8 * MIB), allocator.allocate(8 * MIB)
    allocator.release(first)
    allocator.release(second)
    assert allocator.allocate(20 * MIB).size == 20 * MIB
    assert allocator.reserved == 20 * MIB


def test_free_blocks_that_do_not_touch_serve_no_larger_request(allocator: CachingAllocator) -> None:
    blocks = [allocator.allocate(5 * MIB) for _ in range(4)]
    allocator.release(blocks[0])
    allocator.release(blocks[2])
    allocator.allocate(8 * MIB)
    assert allocator.reserved == 40 * MIB


def test_the_smallest_block_that_is_large_enough_is_taken(allocator: CachingAllocator) -> None:
    large, fitting = allocator.allocate(40 * MIB), allocator.allocate(12 * MIB)
    allocator.release(large)
    allocator.release(fitting)
    assert allocator.allocate(12 * MIB) is fitting


def test_dropout_keeps_a_bool_mask() -> None:
    model = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 1, bias=False), torch.nn.Dropout())
    graph = ca.trace(model, (1, 3, 16, 16), training=True)
    saved = [
        sum(
            c.num_bytes
            for c in training_memory(graph, Settings(device=device)).changes
            if c.owner == 1 and "saved" in c.kind and c.num_bytes > 0
        )
        for device in ("cpu", "cuda")
    ]
    assert saved == [4 * 8 * 16 * 16, 8 * 16 * 16]


def _is_transformer(name: str) -> bool:
    import timm

    module = timm.model_entrypoint(name).__module__
    return any(word in f"{name} {module}" for word in NO_CONVNETS)


def recorded() -> list[tuple[str, int, dict[str, int]]]:
    """(network, pixels, layout -> largest batch) of the convolutional networks in the published files."""
    timm = pytest.importorskip("timm")
    files = {path.name.split("-")[3]: path for path in sorted(MEASUREMENTS.glob("benchmark-train-amp-*-pt112-*.csv"))}
    if not files:
        pytest.skip(f"no published training runs at {MEASUREMENTS}")
    rows: dict[tuple[str, int], dict[str, int]] = {}
    for layout, path in files.items():
        for row in csv.DictReader(path.open()):
            if timm.is_model(row["model"]) and not _is_transformer(row["model"]):
                rows.setdefault((row["model"], int(row["train_img_size"])), {})[layout] = int(row["train_batch_size"])
    return [(name, pixels, batches) for (name, pixels), batches in rows.items()]


def steps_off(rows: list[tuple[str, int, dict[str, int]]]) -> list[int]:
    """For each recorded batch, how many steps of the schedule the predicted one is off."""
    import timm

    off = []
    for name, pixels, batches in rows:
        with torch.device("meta"):
            model = timm.create_model(name)
        how = Settings(optimizer="momentum", precision="amp", device="cuda")
        # memory grows in proportion to the batch; two batches tell the line
        low, high = (training_memory(ca.trace(model, (b, 3, pixels, pixels), training=True), how).peak_bytes for b in (8, 32))
        slope = (high - low) / 24
        available = 24 * 2**30 - Cuda.overhead_bytes
        batch = next((b for b in SCHEDULE if low + slope * (b - 8) <= available), 1)
        off += [abs(SCHEDULE.index(batch) - SCHEDULE.index(found)) for found in batches.values()]
    return off


def _check(choose: Callable[[list[Any]], list[Any]]) -> None:
    off = steps_off(choose(recorded()))
    assert len(off) >= 40
    assert sum(steps == 0 for steps in off) / len(off) >= 0.85
    assert sum(steps <= 1 for steps in off) / len(off) >= 0.98


@pytest.mark.filterwarnings("ignore")  # timm's own, while it builds
def test_recorded_batches_of_a_sample() -> None:
    _check(lambda rows: rows[::EVERY_NTH])


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_recorded_batches_of_all() -> None:
    _check(lambda rows: rows)
