"""Broken and vanished images: named, counted, skipped up to a limit; the steps stay."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from convatlas.train.data import Data, DataError, Loader, open_data


def jpeg(shade: int) -> bytes:
    file = io.BytesIO()
    pixels = np.random.default_rng(shade).integers(0, 256, (24, 24, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(file, "jpeg")
    return file.getvalue()


BROKEN = {
    "empty.jpg": b"",
    "text.jpg": b"<html>404 Not Found</html>",
    "truncated.jpg": jpeg(1)[:400],
    "zeros.png": bytes(300),
    "head.png": b"\x89PNG\r\n\x1a\n" + jpeg(2)[8:],
    "narrow.png": b"",  # written below
}


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """44 good images, 6 that are broken each in its way, and one that will have vanished."""
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        for number in range(22):
            (tmp_path / name / f"{number}.jpg").write_bytes(jpeg(number))
    for name, content in BROKEN.items():
        (tmp_path / "cat" / name).write_bytes(content)
    Image.new("L", (5000, 1)).save(tmp_path / "cat/narrow.png")
    (tmp_path / "dog/gone.jpg").write_bytes(jpeg(9))
    return tmp_path


def loader(data: Data, said: list[str], **more: object) -> Loader:
    options: dict[str, object] = {"classes": 2, "batch": 8, "channels": 3, "max_broken": 0.2, "say": said.append, **more}
    return Loader(data.train, preprocessing=data.preprocessing(16, 3), **options)  # type: ignore[arg-type]


def opened(photos: Path) -> Data:
    """All images but two to train on."""
    data = open_data(photos, validation=0.01)
    (photos / "dog/gone.jpg").unlink()
    return data


@pytest.mark.parametrize("workers", [0, 2])
def test_in_training_each_is_named_once_and_another_image_takes_its_place(photos: Path, workers: int) -> None:
    data, said = opened(photos), []
    training = loader(data, said, training=True, seed=3, workers=workers)
    batches = [batch for epoch in range(2) for batch in training.epoch(epoch)]
    lost = {
        name for name in (data.train.name(index) for index in range(len(data.train))) if Path(name).name in {*BROKEN, "gone.jpg"}
    }
    assert len(lost) >= 6
    assert set(training.broken) == lost
    assert len(said) == len(lost)
    assert all(any(f"skipped: {photos / name}: " in line for line in said) for name in lost)
    assert "No such file" in training.broken.get("dog/gone.jpg", "No such file")
    assert len(batches) == 2 * training.steps
    assert sum(batch.count for batch in batches) == 2 * len(data.train)
    read = {data.train.name(int(index)) for batch in batches for index in batch.indexes}
    assert not read & lost
    for batch in batches:
        assert batch.labels.tolist() == data.train.labels[batch.indexes.numpy()].tolist()


def test_in_validation_they_are_left_out_and_no_image_counts_twice(photos: Path) -> None:
    data, said = opened(photos), []
    indexes = [int(index) for batch in loader(data, said).epoch(0) for index in batch.indexes]
    assert len(indexes) == len(set(indexes)) == len(data.train) - len(said)


def test_beyond_the_limit_the_run_ends_with_the_count_and_the_way_out(photos: Path) -> None:
    data, said = opened(photos), []
    with pytest.raises(DataError, match=r"3 of \d+ images are broken, more than 5 %; .*raise --max-broken"):
        list(loader(data, said, max_broken=0.05).epoch(0))
    with pytest.raises(DataError, match=r"1 of \d+ images are broken, more than 0 %"):
        list(loader(data, said, max_broken=0.0, training=True).epoch(0))


def test_a_batch_of_broken_images_alone_is_no_batch_in_validation(photos: Path) -> None:
    data, said = opened(photos), []
    batches = list(loader(data, said, batch=1).epoch(0))
    assert all(batch.count == 1 for batch in batches)
    assert len(batches) == len(data.train) - len(said)


def test_a_folder_of_broken_images_alone_is_refused_before_anything_starts(tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        for number in range(3):
            (tmp_path / name / f"{number}.jpg").write_bytes(b"no")
    with pytest.raises(DataError, match=r"of 6 images that were looked at none can be read: .*dog/2.jpg"):
        open_data(tmp_path)
