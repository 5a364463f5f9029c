"""Reading published timings: what is refused, what is left out and said so."""

from __future__ import annotations

from pathlib import Path

import pytest

from convatlas.devices.conditions import Conditions
from convatlas.devices.published import conditions_of, device_of, family, read
from convatlas.errors import ConvatlasError

HEADER = "model,infer_img_size,infer_batch_size,infer_samples_per_sec,param_count"


def written(folder: Path, *lines: str) -> Path:
    path = folder / "timings.csv"
    path.write_text("\n".join([HEADER, *lines]) + "\n")
    return path


def test_seconds_are_the_batch_over_the_rate(tmp_path: Path) -> None:
    rows, left_out = read(written(tmp_path, "resnet50,224,256,3200,25.56"))
    assert (rows[0].seconds, rows[0].batch, left_out) == (0.08, 256, [])


def test_missing_columns_are_named(tmp_path: Path) -> None:
    path = tmp_path / "timings.csv"
    path.write_text("model,infer_img_size\nresnet50,224\n")
    with pytest.raises(ConvatlasError, match=r"columns infer_samples_per_sec, infer_batch_size are missing; it has model"):
        read(path)


@pytest.mark.parametrize("line", ["resnet50,224,256,0,1", "resnet50,224,256,nan,1", "resnet50,224,0,100,1", "resnet50,x,256,100,1",
                                  "resnet50,224,256,1e9,1", "resnet50,224,256", "resnet50,224,100000,1,1"])  # fmt: skip
def test_absurd_rows_are_left_out_by_line(tmp_path: Path, line: str) -> None:
    rows, left_out = read(written(tmp_path, "vgg16,224,256,1000,138.36", line))
    assert [row.network for row in rows] == ["vgg16"]
    assert left_out[0].startswith("line 3 (resnet50): ")


def test_a_second_row_of_a_network_is_left_out(tmp_path: Path) -> None:
    rows, left_out = read(written(tmp_path, "vgg16,224,256,1000,138.36", "vgg16,224,256,900,138.36", "vgg16,288,256,600,138.36"))
    assert [row.size for row in rows] == [224, 288]
    assert left_out == ["line 3 (vgg16 at 224 px): a second row of it; the first one counts"]


def test_a_file_without_a_usable_row_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConvatlasError, match=r"no row can be used; line 2 \(vgg16\): 0\.0 images a second"):
        read(written(tmp_path, "vgg16,224,256,0,1"))
    with pytest.raises(ConvatlasError, match="no CSV that can be read"):
        read(tmp_path / "missing.csv")


@pytest.mark.parametrize(
    ("name", "device", "conditions"),
    [
        ("infer-amp-nchw-pt240-cu124-rtx3090", "rtx3090", Conditions(torch="2.4")),
        ("infer-amp-nhwc-pt113-cu117-rtx3090", "rtx3090", Conditions(layout="nhwc", torch="1.13")),
        ("infer-amp-nchw-pt291-cu128-4090-dynamo", "rtx4090", Conditions(compiled=True, torch="2.9")),
        ("infer-amp_bf16-nchw-pt291-cu130-pro6000maxq-dynamo", "pro6000maxq", Conditions(precision="amp_bf16", compiled=True, torch="2.9")),
        ("infer-fp32-nchw-pt240-cpu-i7_12700h-dynamo", "i7_12700h", Conditions(precision="fp32", compiled=True, torch="2.4")),
        ("train-amp-nchw-pt112-cu113-rtx3090", "rtx3090", Conditions(training=True, torch="1.12")),
    ],
)  # fmt: skip
def test_a_files_name_tells_its_conditions(name: str, device: str, conditions: Conditions) -> None:
    path = Path(f"benchmark-{name}.csv")
    assert device_of(path, ["rtx3090", "rtx4090", "rtx4090laptop", "pro6000maxq", "i7_12700h"]) == device
    assert conditions_of(path) == conditions


def test_a_file_that_names_no_device_asks_for_one() -> None:
    with pytest.raises(
        ConvatlasError, match=r"infer-amp\.csv names no device that has a datasheet; say which with --device: rtx3090"
    ):
        device_of(Path("infer-amp.csv"), ["rtx3090"])


def test_a_family_is_the_name_without_sizes_and_sources_of_weights() -> None:
    assert [family(name) for name in ("tf_efficientnet_b0", "efficientnetv2_s", "resnet50", "vit_base_patch16_224")] == [
        "efficientnet", "efficientnetv", "resnet", "vit",
    ]  # fmt: skip
