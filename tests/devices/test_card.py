"""Datasheets: each figure follows from others of the same chip, so that a slip in one shows."""

from __future__ import annotations

import pytest

from convatlas.devices.card import card, list_cards

# for each GPU: float32 lanes of a multiprocessor, FLOPs a clock of its tensor cores (float16, accumulated in float32), width of the
# memory's bus in bits, and bits a second on each of its wires
CHIPS = {
    "rtx2080ti": (64, 512, 352, 14e9),
    "rtx3060": (128, 512, 192, 15e9),
    "rtx3060laptop": (128, 512, 192, 14e9),
    "rtx3070": (128, 512, 256, 14e9),
    "rtx3080": (128, 512, 320, 19e9),
    "rtx3090": (128, 512, 384, 19.5e9),
    "rtx3090ti": (128, 512, 384, 21e9),
    "rtx4060": (128, 512, 128, 17e9),
    "rtx4060laptop": (128, 512, 128, 16e9),
    "rtx4070": (128, 512, 192, 21e9),
    "rtx4070ti": (128, 512, 192, 21e9),
    "rtx4080": (128, 512, 256, 22.4e9),
    "rtx4090": (128, 512, 384, 21e9),
    "rtx4090laptop": (128, 512, 256, 18e9),
    "rtx5070": (128, 512, 192, 28e9),
    "rtx5080": (128, 512, 256, 30e9),
    "rtx5090": (128, 512, 512, 28e9),
    "rtxa6000": (128, 1024, 384, 16e9),
    "rtx6000ada": (128, 1024, 384, 20e9),
    "pro6000maxq": (128, 1024, 512, 28e9),
    "t4": (64, 1024, 256, 10e9),
    "v100": (64, 1024, 4096, 1.752e9),
    "a100": (64, 2048, 5120, 2.43e9),
    "l4": (128, 1024, 192, 12.5e9),
    "l40s": (128, 1024, 384, 18e9),
    "h100": (128, 4096, 5120, 5.23e9),
    "h200": (128, 4096, 6144, 6.25e9),
}
# and each CPU: FLOPs a second of all cores' two FMA units (of 8 lanes, of 4 on efficiency cores, of 16 on the i9), then as above
CPUS = {
    "i7_12700h": (6 * 32 * 4.7e9 + 8 * 16 * 3.5e9, 128, 4.8e9),  # performance and efficiency cores at their own turbo clocks
    "i9_10940x": (14 * 64 * 3.3e9, 256, 2.933e9),
}
# Hopper's sheets name the tensor cores' rate at a lower clock (1830 MHz) than the boost clock
TENSOR_CLOCK = {"h100": 1.83e9, "h200": 1.83e9}


def test_every_datasheet_is_checked() -> None:
    assert sorted(list_cards()) == sorted([*CHIPS, *CPUS])


@pytest.mark.parametrize("name", CHIPS)
def test_a_gpus_rates_are_those_of_its_units_at_its_clock(name: str) -> None:
    sheet = card(name)
    lanes, tensor_flops, bus_bits, wire_rate = CHIPS[name]
    assert sheet.vector_flops == pytest.approx(sheet.processors * lanes * 2 * sheet.clock_hz, rel=0.01)
    tensor = sheet.processors * tensor_flops * TENSOR_CLOCK.get(name, sheet.clock_hz)
    assert list(sheet.flops.values()) == pytest.approx([tensor] * len(sheet.flops), rel=0.015)
    assert sheet.bus_bits == bus_bits
    assert sheet.bandwidth == pytest.approx(bus_bits / 8 * wire_rate, rel=0.005)
    assert ("bfloat16" in sheet.flops) == (name not in ("rtx2080ti", "t4", "v100"))  # Turing and Volta have none


@pytest.mark.parametrize("name", CPUS)
def test_a_cpus_rates_are_those_of_its_cores_and_memory_channels(name: str) -> None:
    sheet = card(name)
    vector_flops, bus_bits, wire_rate = CPUS[name]
    assert sheet.vector_flops == pytest.approx(vector_flops, rel=0.01)
    assert sheet.bandwidth == pytest.approx(bus_bits / 8 * wire_rate, rel=0.005)
