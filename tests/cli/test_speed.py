"""The commands about time: what they print, and what they refuse."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

Run = Any


def test_one_network_tells_stages_interval_and_what_binds(run: Run) -> None:
    result = run("speed", "resnet50", "--device", "rtx3090", "--batch", "64")
    assert result.status == 0
    assert "batch 64, rtx3090, amp, nchw, eager, inference" in result.out.replace("\n", " ")
    assert "images/s. Bound:" in result.out.replace("\n", " ")


def test_json_has_the_conditions_and_the_rows(run: Run) -> None:
    record = json.loads(run("speed", "alexnet", "--device", "rtx3090", "--by", "layer", "--json").out)
    assert record["profile"].startswith("rtx3090-amp-nchw")
    assert record["milliseconds"] == pytest.approx(sum(row["milliseconds"] for row in record["rows"]), rel=0.2)
    assert {"name", "op", "milliseconds", "share", "macs_share", "bound"} <= record["rows"][0].keys()


def test_several_networks_are_one_table(run: Run) -> None:
    result = run("speed", "vgg16", "mobilenet_v2", "--device", "rtx3090", "--batch", "8", "--format", "csv")
    assert [line.split(",")[0] for line in result.out.splitlines()] == ["network", "vgg16", "mobilenet_v2"]


def test_compare_has_the_time_that_speed_tells(run: Run) -> None:
    timed = json.loads(run("speed", "vgg16", "mobilenet_v2", "--device", "rtx3090", "--batch", "64", "--json").out)["networks"]
    compared = json.loads(run("compare", "vgg16", "mobilenet_v2", "--time-on", "rtx3090", "--json").out)["networks"]
    for alone, beside in zip(timed, compared, strict=True):
        assert beside["time"]["predicted_milliseconds"] == alone["milliseconds"]
        assert (beside["time"]["device"], beside["time"]["batch"]) == ("rtx3090", 64)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--device", "rtx4089"], "unknown device 'rtx4089'"),
        (["--device", "t4"], "t4 has a datasheet but no profile"),
        (["--anchor", "resnet50"], "`--anchor` (=resnet50) is no NETWORK=RATE, as resnet50=1234 (images a second)"),
        (["--anchor", "resnet50=-3"], "is no NETWORK=RATE"),
        (["--spec", "card.json"], "name a measured device with --like"),
    ],
)
def test_what_cannot_be_predicted_is_one_line_and_status_2(run: Run, arguments: list[str], message: str) -> None:
    result = run("speed", "alexnet", *arguments)
    assert result.status == 2
    assert message in result.err
    assert result.err.count("\n") == 1


def test_a_datasheet_of_ones_own_is_a_file(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "mycard.json"
    path.write_text('{"vector_flops": 1e13, "bandwidth": 5e11}')
    lacking = run("speed", "alexnet", "--like", "rtx3090", "--spec", str(path))
    assert "mycard.json: the datasheet lacks clock_hz, l2_bytes, memory_bytes, processors" in lacking.err
    sheet = {
        "flops": {"float16": 4e13},
        "vector_flops": 1e13,
        "bandwidth": 5e11,
        "l2_bytes": 4e6,
        "processors": 40,
        "clock_hz": 1e9,
    }
    path.write_text(json.dumps(sheet | {"memory_bytes": 8e9}))
    assert "mycard" in run("speed", "alexnet", "--like", "rtx3090", "--spec", str(path)).out


def test_fit_device_refuses_a_file_that_is_none(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "infer-amp-nchw-pt240-cu124-rtx3090.csv"
    path.write_text("model\nresnet50\n")
    result = run("fit-device", str(path))
    assert result.status == 2
    assert "the columns infer_samples_per_sec, infer_batch_size, infer_img_size are missing" in result.err


def test_a_roofline_is_drawn_below_the_datasheets_ceilings(run: Run, tmp_path: Path) -> None:
    from convatlas import latency
    from convatlas.report.roofline import roofline_rows

    found = latency("mobilenet_v2", (64, 3, 224, 224), device="rtx3090")
    for row in roofline_rows(found):
        allowed = min(row["intensity"] * found.card.bandwidth * 2.5, found.card.peak("float16"))  # L2's bandwidth where it fits
        assert row["rate"] <= allowed / 0.9 * (1 + 1e-9), row
    assert run("speed", "mobilenet_v2", "--device", "rtx3090", "-o", "roof.svg").status == 0
    drawn = Path("roof.svg").read_text()
    assert drawn.startswith("<svg")
    assert "FLOPs a byte moved" in drawn
    assert "a roofline is of one network, got 2" in run("speed", "vgg11", "vgg13", "-o", "roof.svg").err


def test_ranks_tell_where_macs_mislead_in_every_form(run: Run, tmp_path: Path) -> None:
    networks = ["alexnet", "mobilenet_v2", "vgg11", "--batch", "64", "--rank"]
    told = run("speed", *networks).out
    assert "mobilenet_v2  alexnet" in told
    assert "Of 3 pairs with different MACs the one with fewer is slower in 1 (33.3%)" in told.replace("\n", " ")
    record = json.loads(run("speed", *networks, "--json").out)
    assert (record["pairs"], record["inverted"], record["batch"], record["device"]) == (3, 1, 64, "rtx4090")
    assert {"kind", "time_share", "macs_share"} == record["inversions"][0]["kernels"][0].keys()
    assert run("speed", *networks, "--format", "csv").out.splitlines()[1].startswith("mobilenet_v2,alexnet,")
    assert run("speed", *networks, "-o", "ranks.svg").status == 0
    assert "3 networks: MACs and time" in (tmp_path / "ranks.svg").read_text(encoding="utf-8")
    refused = run("speed", "alexnet", "--rank")
    assert (refused.status, refused.err.count("\n")) == (2, 1)


@pytest.mark.parametrize(
    ("arguments", "message"), [([], "there is no CUDA device here"), (["--threads", "2"], "--threads is about the CPU")]
)
def test_calibrate_refuses_a_gpu_that_is_not_there_and_threads_of_one(
    arguments: list[str], message: str, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    result = run("calibrate", "--device", "cuda", *arguments)
    assert (result.status, result.err.count("\n")) == (2, 1)
    assert message in result.err
