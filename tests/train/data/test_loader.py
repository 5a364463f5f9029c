"""Order, parts and random numbers: each image once an epoch, the same whatever the workers, processes and position."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from convatlas.train.data import NO_LABEL, Augmentation, Batch, Data, DataError, Loader, open_data
from convatlas.train.data.images import MemoryImages
from convatlas.weights import Preprocessing

SIZE = 6
PREPROCESSING = Preprocessing(resize=SIZE, crop=SIZE, mean=(0.5,), std=(0.25,))


def memory(count: int) -> MemoryImages:
    random = np.random.default_rng(count)
    pixels = random.integers(0, 256, (count, 1, SIZE, SIZE), dtype=np.uint8)
    return MemoryImages("noise", pixels, np.arange(count) % 3)


def loader(images: MemoryImages, batch: int, *, rank: int = 0, world: int = 1, augmentation: Augmentation | None = None) -> Loader:
    return Loader(
        images,
        classes=3,
        batch=batch,
        channels=1,
        preprocessing=PREPROCESSING,
        seed=7,
        training=True,
        augmentation=augmentation,
        rank=rank,
        world=world,
    )


def counted(batches: list[Batch]) -> list[int]:
    return [int(index) for batch in batches if batch.count for index in batch.indexes]


@given(count=st.integers(2, 40), batch=st.integers(1, 50), world=st.integers(1, 5), epoch=st.integers(0, 3), data=st.data())
@settings(max_examples=40, deadline=None)
def test_every_image_comes_once_an_epoch_over_any_processes_and_from_any_position(
    count: int, batch: int, world: int, epoch: int, data: st.DataObject
) -> None:
    images = memory(count)
    whole = list(loader(images, batch).epoch(epoch))
    assert sorted(counted(whole)) == list(range(count))
    done = data.draw(st.integers(0, len(whole)))
    start = sum(each.total for each in whole[:done])
    parts = [list(loader(images, batch, rank=rank, world=world).epoch(epoch, start)) for rank in range(world)]
    for step, expected in enumerate(whole[done:]):
        together = [part[step] for part in parts]
        assert sorted(counted(together)) == sorted(expected.indexes.tolist())
        assert {each.total for each in together} == {len(expected.indexes)}
    assert {len(part) for part in parts} == {len(whole) - done}


def test_a_process_without_an_image_in_the_last_batch_gets_a_stand_in_that_does_not_count() -> None:
    last = list(loader(memory(5), 4, rank=1, world=2, augmentation=Augmentation(mixup=1.0)).epoch(0))[-1]
    assert (last.count, last.total, last.labels.tolist()) == (0, 1, [NO_LABEL])
    assert last.targets is not None
    assert not last.targets.any()


def test_epochs_and_seeds_differ_in_order_and_in_crops() -> None:
    images = memory(30)
    augmented = loader(images, 30, augmentation=Augmentation(crop="pad", pad=2, flip=True))
    first, second = next(augmented.epoch(0)), next(augmented.epoch(1))
    assert first.indexes.tolist() != second.indexes.tolist()
    same = [torch.equal(first.pixels[first.indexes == index], second.pixels[second.indexes == index]) for index in range(30)]
    assert sum(same) < 10


def test_padded_crops_and_flips_are_those_cut_by_hand() -> None:
    images = memory(50)
    augmentation = Augmentation(crop="pad", pad=2, flip=True)
    batch = next(loader(images, 50, augmentation=augmentation).epoch(0))
    found = set()
    for index, pixels in zip(batch.indexes.tolist(), batch.pixels, strict=True):
        padded = np.pad(images.pixels[index, 0], 2)
        windows = {
            (top, left, flipped): padded[top : top + SIZE, left : left + SIZE][:, :: -1 if flipped else 1]
            for top in range(5)
            for left in range(5)
            for flipped in (False, True)
        }
        grey = (pixels[0] * 0.25 + 0.5) * 255
        [place] = [place for place, window in windows.items() if np.allclose(grey, window, atol=1e-3)]
        found.add(place)
    assert {top for top, _, _ in found} == {left for _, left, _ in found} == set(range(5))
    assert {flipped for *_, flipped in found} == {False, True}


def test_digits_are_split_by_the_seed_alone() -> None:
    once, again, other = (open_data("digits", seed=seed) for seed in (3, 3, 4))
    assert once.fingerprint == again.fingerprint != other.fingerprint
    assert len(once.train) + len(once.val) == 1797
    assert isinstance(once, Data)


def test_a_batch_of_no_image_is_refused() -> None:
    with pytest.raises(DataError, match="got 0"):
        loader(memory(4), 0)
