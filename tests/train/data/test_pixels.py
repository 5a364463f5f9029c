"""The pixels of a batch: as prediction sees them, the same by every way and from any worker, varied as torchvision does."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms import v2

from convatlas.images import read_image, to_input
from convatlas.train.data import Augmentation, Batch, Data, DataError, Loader, open_data
from convatlas.train.data import workers as workers_module
from convatlas.train.data.images import MemoryImages
from convatlas.weights import Preprocessing

MIXED = Augmentation(crop="pad", pad=2, flip=True, mixup=0.4, cutmix=1.0)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """24 images of many sizes, grey and coloured."""
    folder = tmp_path_factory.mktemp("photos")
    random = np.random.default_rng(0)
    for number in range(24):
        height, width = random.integers(20, 50, 2)
        shape = (height, width) if number % 3 == 0 else (height, width, 3)
        file = folder / "abc"[number % 3] / f"{number}.png"
        file.parent.mkdir(exist_ok=True)
        Image.fromarray(random.integers(0, 256, shape, dtype=np.uint8)).save(file)
    return folder


def loader(data: Data, preprocessing: Preprocessing, *, channels: int = 3, **more: object) -> Loader:
    options: dict[str, object] = {"classes": 3, "batch": 5, "channels": channels, "seed": 1, **more}
    return Loader(data.train, preprocessing=preprocessing, **options)  # type: ignore[arg-type]


def equal(one: Batch, other: Batch) -> bool:
    same = [torch.equal(getattr(one, name), getattr(other, name)) for name in ("pixels", "labels", "indexes")]
    return all(same) and (one.targets is other.targets or torch.equal(one.targets, other.targets))  # type: ignore[arg-type]


@pytest.mark.parametrize("channels", [1, 3])
def test_validation_sees_the_pixels_that_prediction_sees(photos: Path, channels: int) -> None:
    data = open_data(photos)
    preprocessing = data.preprocessing(24, channels)
    for batch in loader(data, preprocessing, channels=channels).epoch(0):
        for index, pixels in zip(batch.indexes.tolist(), batch.pixels, strict=True):
            predicted = to_input(read_image(photos / data.train.name(index), channels), preprocessing)
            assert torch.equal(pixels, predicted)


@pytest.mark.parametrize("stored", [1, 3])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [8, 11])
def test_images_in_memory_give_the_batches_that_the_same_images_in_files_give(
    tmp_path: Path, stored: int, channels: int, size: int
) -> None:
    pixels = np.random.default_rng(2).integers(0, 256, (12, stored, 8, 8), dtype=np.uint8)
    labels = np.arange(12) % 3
    memory = MemoryImages("m", pixels, labels)
    for number in range(12):
        file = tmp_path / "train" / str(number % 3) / f"{number:02}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        memory.read(number, stored).save(file)
    (tmp_path / "val").symlink_to(tmp_path / "train")
    data = open_data(tmp_path)
    order = np.argsort(labels, kind="stable")  # as a folder's classes come
    held = replace(data, train=memory.take(order))
    preprocessing = Preprocessing(resize=size, crop=size, mean=(0.4,) * channels, std=(0.3,) * channels)
    for options in ({}, {"training": True, "augmentation": MIXED}):
        ways = [loader(each, preprocessing, channels=channels, **options).epoch(2) for each in (data, held)]  # type: ignore[arg-type]
        for from_files, from_memory in zip(*ways, strict=True):
            assert equal(from_files, from_memory)


@pytest.mark.parametrize(
    "augmentation",
    [
        MIXED,
        Augmentation(crop="resized", flip=True, policy="trivial", erasing=0.5, mixup=0.2),
        Augmentation(crop="scale", colour=0.4),
    ],
)
def test_workers_change_no_bit(photos: Path, augmentation: Augmentation) -> None:
    data = open_data(photos)
    preprocessing = data.preprocessing(24, 3)
    torch.manual_seed(5)
    ways = []
    for workers in (0, 1, 3):
        used = loader(data, preprocessing, training=True, augmentation=augmentation, workers=workers)
        ways.append([batch for epoch in (0, 1) for batch in used.epoch(epoch, 5 * epoch)])
    after = torch.rand(3)
    torch.manual_seed(5)
    assert torch.equal(after, torch.rand(3)), "the network's own random numbers were drawn from"
    for alone, *others in zip(*ways, strict=True):
        assert all(equal(alone, other) for other in others)
    assert len({batch.pixels.sum().item() for batch in ways[0]}) == len(ways[0])


def test_an_epoch_that_was_left_in_the_middle_leaves_no_batch_behind(photos: Path) -> None:
    data = open_data(photos)
    used = loader(data, data.preprocessing(16, 3), training=True, workers=2)
    next(used.epoch(0))
    fresh = loader(data, data.preprocessing(16, 3), training=True)
    for batch, expected in zip(used.epoch(1), fresh.epoch(1), strict=True):
        assert equal(batch, expected)


@pytest.mark.parametrize("policy", ["trivial", "rand", "auto"])
@pytest.mark.parametrize("channels", [1, 3])
def test_policies_of_torchvision_take_grey_and_coloured_images(photos: Path, policy: str, channels: int) -> None:
    data = open_data(photos)
    augmentation = Augmentation(crop="resized", policy=policy, erasing=1.0)  # type: ignore[arg-type]
    used = loader(data, data.preprocessing(16, channels), channels=channels, training=True, augmentation=augmentation)
    assert all(batch.pixels.shape[1:] == (channels, 16, 16) for batch in used.epoch(0))


@pytest.mark.parametrize("kind", ["mixup", "cutmix"])
def test_a_pair_is_mixed_as_torchvision_mixes_it(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    images = MemoryImages("noise", np.random.default_rng(0).integers(0, 256, (2, 3, 16, 16), dtype=np.uint8), np.array([0, 1]))
    preprocessing = Preprocessing(resize=16, crop=16)
    options: dict[str, object] = {
        "classes": 2,
        "batch": 2,
        "channels": 3,
        "preprocessing": preprocessing,
        "seed": 8,
        "training": True,
    }
    plain = next(Loader(images, **options).epoch(0))  # type: ignore[arg-type]
    mixed = next(Loader(images, augmentation=Augmentation(**{kind: 1.0}), **options).epoch(0))  # type: ignore[arg-type]
    assert mixed.targets is not None
    assert mixed.labels.tolist() == plain.labels.tolist()
    kept = mixed.targets[torch.arange(2), mixed.labels]
    transform = (v2.MixUp if kind == "mixup" else v2.CutMix)(num_classes=2)
    for place in range(2):
        pair = torch.stack([plain.pixels[place], plain.pixels[1 - place]])
        if kind == "mixup":
            params: dict[str, object] = {"lam": float(kept[place])}
        else:
            differs = (mixed.pixels[place] != plain.pixels[place]).any(0)
            rows, columns = differs.any(1).nonzero().flatten(), differs.any(0).nonzero().flatten()
            assert differs.sum() == len(rows) * len(columns)
            box = (int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1) if len(rows) else (0, 0, 0, 0)
            params = {"box": box, "lam_adjusted": 1 - len(rows) * len(columns) / 256}
            assert float(kept[place]) == pytest.approx(params["lam_adjusted"])
        params |= {"labels": plain.labels[[place, 1 - place]], "batch_size": 2}
        expected = transform.transform(pair, params)[0]
        assert torch.allclose(mixed.pixels[place], expected, atol=1e-6)


@pytest.mark.parametrize("count", [1, 2, 7])
def test_any_number_of_images_can_be_mixed(count: int) -> None:
    images = MemoryImages("noise", np.zeros((count, 1, 4, 4), np.uint8), np.arange(count) % 2)
    used = Loader(
        images,
        classes=2,
        batch=3,
        channels=1,
        preprocessing=Preprocessing(resize=4, crop=4, mean=(0.0,), std=(1.0,)),
        training=True,
        augmentation=MIXED,
    )
    for batch in used.epoch(0):
        assert batch.targets is not None
        assert torch.allclose(batch.targets.sum(1), torch.ones(batch.count))


def test_shared_memory_that_is_too_small_is_said_and_fewer_workers_are_used(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Small:
        f_bavail, f_frsize = 4, 4096

    said: list[str] = []
    monkeypatch.setattr(workers_module.os, "statvfs", lambda _: Small)
    data = open_data(photos)
    used = loader(data, data.preprocessing(16, 3), workers=2, say=said.append)
    assert said == [
        "0 workers instead of 2: they need 0 MiB of shared memory, and /dev/shm has 0 MiB free; "
        "a smaller batch needs less, and a container gets more with --shm-size"
    ]
    assert len(list(used.epoch(0))) == used.steps


@pytest.mark.parametrize(
    "wrong", [{"pad": -1}, {"area": (0.5, 0.1)}, {"short_side": (0.5, 1)}, {"erasing": 2}, {"mixup": -1}, {"colour": float("nan")}]
)
def test_settings_out_of_range_are_refused_with_their_value(wrong: dict[str, float]) -> None:
    with pytest.raises(DataError, match=rf"{next(iter(wrong))} is .*; got"):
        Augmentation(**wrong)  # type: ignore[arg-type]
