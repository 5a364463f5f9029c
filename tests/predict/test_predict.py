"""Images of every kind become inputs; predictions name what cannot be read and go on."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from convatlas.cli import main
from convatlas.cli.app import app
from convatlas.errors import ConvatlasError
from convatlas.images import to_input
from convatlas.predict import Classifier, ImageError, class_names, find_images, predict, read_image
from convatlas.weights import Preprocessing, published
from convatlas.zoo import create

RED = (200, 30, 10)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with two images, a damaged one, and a text."""
    Image.new("RGB", (80, 60), RED).save(tmp_path / "a.png")
    Image.new("L", (60, 80), 99).save(tmp_path / "b.jpg")
    (tmp_path / "c.jpg").write_bytes(b"no image")
    (tmp_path / "notes.txt").write_text("nothing to see")
    return tmp_path


def saved(tmp_path: Path, image: Image.Image, name: str, **options: object) -> Path:
    image.save(tmp_path / name, **options)
    return tmp_path / name


def test_exif_orientation_turns_the_image(tmp_path: Path) -> None:
    image = Image.new("RGB", (40, 20), RED)
    exif = image.getexif()
    exif[0x0112] = 6  # the camera was turned by 90 degrees
    assert read_image(saved(tmp_path, image, "turned.jpg", exif=exif)).size == (20, 40)


def test_sixteen_bits_keep_their_scale(tmp_path: Path) -> None:
    values = np.full((10, 10), 32768, dtype=np.uint16)
    pixel = read_image(saved(tmp_path, Image.fromarray(values), "deep.png")).getpixel((3, 3))
    assert pixel == (128, 128, 128)


@pytest.mark.parametrize(("value", "expected"), [(0.5, 128), (200.0, 200), (32896.0, 128), (float("nan"), 0)])
def test_float_images_are_read_at_the_scale_that_they_have(tmp_path: Path, value: float, expected: int) -> None:
    path = saved(tmp_path, Image.fromarray(np.full((4, 4), value, dtype=np.float32)), "float.tiff")
    assert read_image(path, channels=1).getpixel((0, 0)) == expected


def test_transparency_becomes_white(tmp_path: Path) -> None:
    path = saved(tmp_path, Image.new("RGBA", (10, 10), (*RED, 0)), "clear.png")
    assert read_image(path).getpixel((0, 0)) == (255, 255, 255)


@pytest.mark.parametrize(("mode", "name"), [("CMYK", "x.jpg"), ("L", "x.png"), ("P", "x.gif"), ("1", "x.png"), ("LA", "x.png")])
def test_every_mode_becomes_rgb_or_grey(tmp_path: Path, mode: str, name: str) -> None:
    path = saved(tmp_path, Image.new("RGB", (12, 12), RED).convert(mode), name)
    assert read_image(path).mode == "RGB"
    assert read_image(path, channels=1).mode == "L"


def test_damaged_files_are_named(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"c\.jpg"):
        read_image(folder / "c.jpg")
    whole = saved(tmp_path, Image.new("RGB", (200, 200), RED), "whole.png").read_bytes()
    (tmp_path / "half.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ImageError, match="damaged"):
        read_image(tmp_path / "half.png")


def test_folders_patterns_and_files_are_found_once(folder: Path) -> None:
    names = [path.name for path in find_images([str(folder), str(folder / "*.png"), str(folder / "a.png")])]
    assert names == ["a.png", "b.jpg", "c.jpg"]
    with pytest.raises(ValueError, match="matches no file"):
        find_images([str(folder / "*.bmp")])


def test_a_folders_documents_and_hidden_files_are_not_taken_for_images(folder: Path) -> None:
    (folder / "paper.pdf").write_bytes(b"%PDF-1.7")
    (folder / "._a.jpg").write_bytes(b"what a Mac notes about a.jpg")
    assert [path.name for path in find_images([str(folder)])] == ["a.png", "b.jpg", "c.jpg"]


def test_patterns_work_from_where_one_stands(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "deep" / "er").mkdir(parents=True)
    Image.new("RGB", (8, 8), RED).save(folder / "deep" / "er" / "d.png")
    monkeypatch.chdir(folder / "deep")
    assert [str(path) for path in find_images(["../*.png", "**/*.png"])] == ["../a.png", "er/d.png"]


def test_an_image_too_narrow_to_resize_is_named(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="2001x2 pixels are too narrow"):
        read_image(saved(tmp_path, Image.new("L", (2001, 2)), "line.png"))


@pytest.mark.parametrize("size", [(300, 500), (500, 300), (10, 10), (224, 224)])
def test_preprocessing_is_torchvisions(size: tuple[int, int]) -> None:
    from torchvision.models import get_weight

    weights = published("resnet18")
    assert weights is not None
    theirs = get_weight("ResNet18_Weights.IMAGENET1K_V1").transforms()
    pixels = np.random.default_rng(0).integers(0, 255, (*size, 3), dtype=np.uint8)
    image = Image.fromarray(pixels)
    torch.testing.assert_close(to_input(image, weights.preprocessing), theirs(image), rtol=0, atol=1e-5)


def test_predictions_are_the_softmax_in_order_and_damaged_files_are_skipped(folder: Path) -> None:
    network = create("squeezenet1_1").eval()
    preprocessing = Preprocessing(resize=64, crop=64)
    classifier = Classifier(name="squeezenet1_1", logits=network, preprocessing=preprocessing)
    found = list(predict(classifier, find_images([str(folder)]), top=3, batch=2))
    assert [prediction.error is None for prediction in found] == [True, True, False]
    with torch.no_grad():
        logits = network(to_input(read_image(folder / "a.png"), preprocessing)[None])[0]
    expected = logits.softmax(0).topk(3)
    assert [index for _, index, _ in found[0].classes] == expected.indices.tolist()
    torch.testing.assert_close(torch.tensor([p for *_, p in found[0].classes]), expected.values, rtol=1e-3, atol=1e-6)


def test_a_thousand_classes_have_names() -> None:
    from torchvision.models._meta import _IMAGENET_CATEGORIES

    assert list(class_names(1000)) == _IMAGENET_CATEGORIES
    assert class_names(3) == ("class 0", "class 1", "class 2")


def test_the_command_prints_json_and_its_status_tells_of_skipped_files(folder: Path) -> None:
    weights = folder / "net.pth"
    torch.save(create("squeezenet1_1").state_dict(), weights)
    arguments = ["predict", "squeezenet1_1", str(folder), "--weights", str(weights), "--json", "--top", "2"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 1
    images = json.loads(result.stdout)["images"]
    assert [len(image["classes"]) for image in images] == [2, 2, 0]
    assert "c.jpg" in result.stderr


@pytest.fixture
def brightness() -> Classifier:
    """Tells how bright an image is: class 1 for white."""
    preprocessing = Preprocessing(resize=8, crop=8, mean=(0, 0, 0), std=(1, 1, 1))
    return Classifier(
        name="brightness",
        logits=lambda images: torch.stack([1 - images.mean((1, 2, 3)), images.mean((1, 2, 3))], 1),
        preprocessing=preprocessing,
    )


@pytest.mark.parametrize(("batch", "workers"), [(1, 1), (3, 2), (16, 4)])
def test_predictions_keep_the_order_of_the_files_whoever_reads_them(
    tmp_path: Path, brightness: Classifier, batch: int, workers: int
) -> None:
    paths = [saved(tmp_path, Image.new("L", (20, 20), 255 * (index % 3 == 0)), f"{index}.png") for index in range(10)]
    found = list(predict(brightness, paths, top=1, batch=batch, workers=workers))
    assert [prediction.path for prediction in found] == paths
    assert [prediction.classes[0].index for prediction in found] == [int(index % 3 == 0) for index in range(10)]


def test_paths_are_asked_for_as_they_are_needed(tmp_path: Path, brightness: Classifier) -> None:
    path = saved(tmp_path, Image.new("L", (20, 20)), "one.png")
    asked: list[int] = []
    predictions = predict(brightness, (asked.append(index) or path for index in range(100)), batch=2)  # type: ignore[func-returns-value]
    next(predictions)
    assert len(asked) <= 6
    predictions.close()


def test_a_network_that_makes_no_logits_is_told(tmp_path: Path, brightness: Classifier) -> None:
    maps = dataclasses.replace(brightness, logits=lambda images: images)
    with pytest.raises(ConvatlasError, match="makes 1x3x8x8 of 1x3x8x8, and a logit a class is wanted"):
        list(predict(maps, [saved(tmp_path, Image.new("L", (20, 20)), "one.png")]))


def test_more_pixels_than_allowed_are_refused_before_they_are_decoded(tmp_path: Path) -> None:
    path = saved(tmp_path, Image.new("L", (300, 200)), "large.png")
    path.write_bytes(path.read_bytes()[:60])  # the size stands at the front, and the pixels are gone
    with pytest.raises(ImageError, match="300x200 pixels are more than the 50,000 that are allowed"):
        read_image(path, max_pixels=50_000)


def test_postscript_is_not_run(tmp_path: Path) -> None:
    path = saved(tmp_path, Image.new("RGB", (20, 20)), "drawing.eps")
    with pytest.raises(ImageError, match="no image that can be read"):
        read_image(path)


def test_json_lines_and_csv_come_one_image_at_a_time_and_broken_ones_are_counted(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{folder / 'a.png'}\n\n{folder / 'c.jpg'}\n{folder / 'gone.png'}\n"))
    command = ["predict", "squeezenet1_1", "-", "--weights", "none", "--size", "64", "--top", "1"]
    assert main([*command, "--format", "jsonl"]) == 1
    told = capsys.readouterr()
    records = [json.loads(line) for line in told.out.splitlines()]
    assert [len(record["classes"]) for record in records] == [1, 0, 0]
    assert "initial weights" in told.err
    assert "2 of 3 files were skipped" in told.err


def test_csv_names_the_file_in_every_row(folder: Path) -> None:
    weights = folder / "net.pth"
    torch.save(create("squeezenet1_1").state_dict(), weights)
    chosen = ["--weights", str(weights), "--format", "csv", "--top", "2"]
    result = CliRunner().invoke(app, ["predict", "squeezenet1_1", str(folder / "a.png"), *chosen])
    assert result.exit_code == 0
    rows = list(csv.DictReader(result.stdout.splitlines()))
    assert [row["image"] for row in rows] == [str(folder / "a.png")] * 2


def test_weights_for_other_classes_ask_for_their_number_instead_of_guessing(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = folder / "net.pth"
    torch.save(create("squeezenet1_1", num_classes=7).state_dict(), weights)
    command = ["predict", "squeezenet1_1", str(folder / "a.png"), "--weights", str(weights)]
    assert main(command) == 2
    error = capsys.readouterr().err
    assert "--num-classes" in error
    assert "the file has 7" in error
    assert main([*command, "--num-classes", "7"]) == 0
