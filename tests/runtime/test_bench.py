"""Measured rows: their units agree with each other, and what cannot be measured is told in one line."""

from __future__ import annotations

import importlib
from typing import Any

import pytest
import torch
from torch import nn

import convatlas as ca
from convatlas.runtime.rounds import interleaved
from convatlas.runtime.rows import row as as_row

SHAPE = (4, 3, 16, 16)
CONVOLUTION, CLASSIFIER = 4 * 8 * 14 * 14 * 3 * 9, 4 * 8 * 5  # MACs by hand, of four images
MACS = CONVOLUTION + CLASSIFIER
STEP_MACS = 2 * CONVOLUTION + 3 * CLASSIFIER  # the images themselves get no gradient


@pytest.mark.usefixtures("short_samples")
def test_a_row_has_its_units_host_and_conditions(network: nn.Module) -> None:
    eager, halved, training = ca.bench(network, SHAPE, ["eager", "bf16", "training"], rounds=1)
    assert (eager.runtime, eager.dtype, halved.dtype, training.dtype) == ("eager", "float32", "bfloat16", "float32")
    assert eager.low_milliseconds <= eager.milliseconds <= eager.high_milliseconds
    assert eager.images_per_second == pytest.approx(4 / (eager.milliseconds / 1e3))
    assert eager.gflops_per_second == pytest.approx(2 * MACS / (eager.milliseconds / 1e3) / 1e9)
    assert training.gflops_per_second == pytest.approx(2 * STEP_MACS / (training.milliseconds / 1e3) / 1e9)
    row = as_row(eager)
    assert row["host"]["threads"] == torch.get_num_threads()
    assert row["host"]["versions"]["torch"] == torch.__version__.partition("+")[0]
    assert row["peak_share"] == pytest.approx(row["gflops_per_second"] / row["peak_gflops_per_second"])


@pytest.mark.usefixtures("short_samples")
def test_measuring_leaves_the_network_as_it_was(network: nn.Module) -> None:
    before = {name: value.clone() for name, value in network.state_dict().items()}
    ca.bench(network, SHAPE, ["training", "folded"], rounds=1)
    assert not network.training
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


@pytest.mark.usefixtures("short_samples")
def test_calls_take_turns() -> None:
    turns: list[str] = []
    interleaved({name: lambda name=name: turns.append(name) for name in ("a", "b")}, rounds=2, limit_seconds=0)  # type: ignore[misc]
    once = "".join(turns).replace("aa", "A").replace("bb", "B")  # each sample is one call that does not count, and one that does
    assert once == "AB" * (len(once) // 2)


@pytest.mark.parametrize("name", ["onnxruntime", "openvino"])
def test_a_runtime_that_is_not_installed_is_told_with_its_extra(
    network: nn.Module, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = importlib.import_module

    def without(wanted: str, *more: Any) -> Any:
        if wanted == name:
            raise ImportError(wanted)
        return real(wanted, *more)

    monkeypatch.setattr(importlib, "import_module", without)
    with pytest.raises(ca.ConvatlasError) as told:
        ca.bench(network, SHAPE, name)
    assert str(told.value) == f"{name} is not installed: pip install 'convatlas[run]'"


def test_a_network_that_fails_is_told_with_its_own_words(network: nn.Module) -> None:
    with pytest.raises(ca.ConvatlasError, match=r"eager does not run Sequential: .*expected input"):
        ca.bench(network, (1, 4, 16, 16))


@pytest.mark.parametrize(
    ("shape", "runtime", "says"),
    [
        (SHAPE, "openvinoo", "unknown runtime 'openvinoo': did you mean openvino"),
        (SHAPE, [], "`runtime` is empty"),
        ((3, 16, 16), "eager", r"whose shape is \(N, C, H, W\), as \(8, 3, 224, 224\); got \(3, 16, 16\)"),
    ],
)
def test_what_cannot_be_measured_is_one_line(network: nn.Module, shape: tuple[int, ...], runtime: Any, says: str) -> None:
    with pytest.raises(ca.ConvatlasError, match=says):
        ca.bench(network, shape, runtime)
