"""A calibration goes on where it was interrupted, leaves out what was disturbed, and lands as a profile like any other."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import convatlas as ca
from convatlas.api.calibrate import calibrate
from convatlas.api.latency import profile_for
from convatlas.devices.card import Card
from convatlas.devices.conditions import Conditions
from convatlas.devices.cpu.terms import expected
from convatlas.devices.kernel import Kernel, Product, Window
from convatlas.devices.models import MODELS
from convatlas.devices.profile import LEAST_SHARE
from convatlas.errors import ConvatlasError
from convatlas.measure import calibration, machine
from convatlas.measure.calibration import Measurements, measured
from convatlas.measure.fitted import profile_of
from convatlas.measure.networks import measured_networks
from convatlas.measure.pieces import BATCHES, NETWORKS, Piece
from convatlas.measure.rows import Row, append_rows, read_rows

CARD = Card(
    name="some_cpu_1_thread", flops={"float32": 1e11}, vector_flops=1e11, bandwidth=2e10, l2_bytes=2**25, processors=1, clock_hz=2e9,
    memory_bytes=2**34, source="a test",
)  # fmt: skip


def quiet(done: int, total: int, last: str) -> None:
    """Progress that nobody follows."""


def convolution(images: int, channels: int) -> Kernel:
    size = images * channels * 28 * 28
    return Kernel(
        "conv/direct", 4 * (size + 9 * channels**2), 4 * size, product=Product(images * 784, 9 * channels, channels),
        window=Window((3, 3), 1, 1, 784, channels, 1), weight_bytes=36 * channels**2,
    )  # fmt: skip


def piece(name: str, calls: list[str], fails: bool = False) -> Piece:
    def call() -> None:
        if fails:
            raise KeyboardInterrupt
        calls.append(name)

    return Piece(name, False, {convolution(1, 16): 1}, lambda: (call, [torch.zeros(1)]))


def steady(monkeypatch: pytest.MonkeyPatch, times: Callable[[], float] = lambda: 1.0) -> None:
    monkeypatch.setattr(calibration, "_TOGETHER", 2)

    def seconds(self: Any, now: Any) -> float:
        made = times()
        self.fastest = min(self.fastest, made)
        return made

    monkeypatch.setattr(calibration.Reference, "seconds", seconds)


def test_after_an_interruption_only_what_is_missing_is_measured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    steady(monkeypatch)
    path, calls = tmp_path / "some.rows", list[str]()
    names = ["a", "b", "c", "d"]
    with pytest.raises(KeyboardInterrupt):
        measured([piece(name, calls, fails=name == "d") for name in names], path, 60, quiet)
    assert [row.name for row in read_rows(path)] == ["a", "b"]
    calls.clear()
    found = measured([piece(name, calls) for name in names], path, 60, quiet)
    assert set(calls) == {"c", "d"}
    assert [row.name for row in found.rows] == names == [row.name for row in read_rows(path)]


def test_rounds_during_which_the_reference_was_slow_are_made_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    given = iter([1.0, 1.0, 3.0])
    steady(monkeypatch, lambda: next(given, 1.0))
    calls: list[str] = []
    found = measured([piece("a", calls)], tmp_path / "some.rows", 60, quiet)
    assert found.disturbed == 2  # the one that ends with the slow reference, and the one that begins with it
    assert len(calls) == 1 + 2 + 3  # once to make the kernel, in two disturbed rounds, in three that count


def test_rows_are_read_as_they_were_written_but_for_a_line_cut_short(tmp_path: Path) -> None:
    path = tmp_path / "some.rows"
    rows = [Row("a", False, {convolution(1, 16): 2}, 0.25), Row("b", True, {convolution(8, 32): 1, Kernel("relu", 4, 4): 3}, 1.5)]
    append_rows(path, rows)
    with path.open("a") as file:
        file.write('{"name": "c", "ker')
    assert read_rows(path) == rows
    append_rows(path, rows[:1])
    assert read_rows(path) == [*rows, rows[0]]
    path.write_text("{}\n")
    with pytest.raises(ConvatlasError, match="no rows of a calibration"):
        read_rows(path)


def made_rows() -> list[Row]:
    """Times that are made of known coefficients."""
    rows = []
    for place in range(60):
        counts = {
            convolution(1 + place % 8, 16 * (1 + place % 11)): 1 + place % 3,
            Kernel("relu", 10**6 * (place + 1), 10**6 * (place + 1)): 2,
        }
        seconds = sum(
            count
            * (
                LEAST_SHARE * MODELS["cpu"].least_seconds(kernel, CARD)
                + sum(max(expected(name), 0.05) * value for name, value in MODELS["cpu"].terms(kernel, CARD))
            )
            for kernel, count in counts.items()
        )
        rows.append(Row(f"net{place} at batch 1", place % 2 == 0, counts, seconds))
    return rows


def test_a_profile_of_known_times_predicts_them_and_is_found_as_cpu(monkeypatch: pytest.MonkeyPatch, own_folder: Path) -> None:
    profile = profile_of(made_rows(), CARD, Conditions(precision="fp32", torch="2.14"), "a test")
    assert profile.validation["networks"]["within_10_percent"] > 0.9
    own_folder.mkdir()
    (own_folder / f"{profile.name}.json").write_text(profile.to_json())
    monkeypatch.setattr(machine, "this_machine", lambda: CARD.name)
    assert profile_for("cpu", Conditions(precision="fp32")) == profile_for(CARD.name, Conditions(precision="fp32")) == profile
    once, twice = (ca.latency("squeezenet1_1", (batch, 3, 64, 64), device="cpu", precision="fp32").milliseconds for batch in (1, 2))
    assert 0 < once <= twice


def test_without_a_calibration_the_way_to_it_is_told() -> None:
    with pytest.raises(ConvatlasError, match="has no profile yet: `convatlas calibrate`"):
        ca.latency("squeezenet1_1", device="cpu")


@pytest.mark.parametrize("anyway", [False, True])
def test_a_noisy_machine_is_told_with_its_spread_and_saved_only_if_that_is_wanted(
    monkeypatch: pytest.MonkeyPatch, own_folder: Path, anyway: bool
) -> None:
    def noisy(pieces: Any, path: Path, *others: Any) -> Measurements:
        assert not pieces
        path.touch()
        return Measurements(made_rows(), [1.0, 1.0, 2.0, 3.0, 4.0])

    monkeypatch.setattr("convatlas.measure.pieces.graphs_of_the_atlas", lambda progress: [])
    monkeypatch.setattr("convatlas.measure.networks.measured_networks", lambda *given: Measurements([]))
    monkeypatch.setattr("convatlas.measure.pieces.RUNTIMES", {("fp32", "nchw"): "eager"})
    monkeypatch.setattr(machine, "measured_card", lambda now: CARD)
    monkeypatch.setattr(calibration, "measured", noisy)
    if anyway:
        (found,) = calibrate(anyway=True)
        assert [path.name for path in own_folder.iterdir()] == [f"{found.profile.name}.json"]
    else:
        with pytest.raises(ConvatlasError, match=r"too noisy: .* vary by 100%"):
            calibrate()
        assert not list(own_folder.glob("*.json"))


@pytest.mark.slow
def test_networks_are_measured_in_a_process_of_their_own_and_land_in_the_same_file(tmp_path: Path) -> None:
    path, told = tmp_path / "some.rows", list[tuple[int, int, str]]()
    found = measured_networks(Conditions(precision="fp32"), path, 0.5, lambda *done: told.append(done))
    assert found.rows == read_rows(path)
    assert {row.name for row in found.rows} >= {"resnet18 at batch 1"}
    assert len(found.reference) >= len(found.rows)
    assert told[0] == (0, len(NETWORKS) * len(BATCHES), "resnet18 at batch 1")
    path.write_text("{}\n")
    with pytest.raises(ConvatlasError, match="no rows of a calibration"):
        measured_networks(Conditions(precision="fp32"), path, 0.5, quiet)
