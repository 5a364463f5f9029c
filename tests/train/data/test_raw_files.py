"""MNIST's and CIFAR's raw files, written here by hand in each of their forms; damage, strange labels, hostile pickles."""

from __future__ import annotations

import gzip
import pickle
import struct
from pathlib import Path

import numpy as np
import pytest

from convatlas.train.data import DataError, open_data

TRAIN, TEST = 30, 10


def idx_file(values: np.ndarray) -> bytes:
    return struct.pack(f">I{values.ndim}I", 0x800 + values.ndim, *values.shape) + values.astype(np.uint8).tobytes()


def mnist(folder: Path, compress: bool = False) -> np.ndarray:
    """A small MNIST; returns the pixels to train on, uint8 (30, 28, 28)."""
    folder.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(0).integers(0, 256, (TRAIN, 28, 28))
    content = {
        "train-images-idx3-ubyte": pixels,
        "train-labels-idx1-ubyte": np.arange(TRAIN) % 10,
        "t10k-images-idx3-ubyte": pixels[:TEST],
        "t10k-labels-idx1-ubyte": np.arange(TEST),
    }
    for name, values in content.items():
        written = idx_file(values)
        (folder / (f"{name}.gz" if compress else name)).write_bytes(gzip.compress(written) if compress else written)
    return pixels


def test_fashion_mnist_is_found_where_debians_package_puts_it() -> None:
    if not Path("/usr/share/datasets/fashion-mnist").is_dir():
        pytest.skip("Debian's package dataset-fashion-mnist is not installed")
    data = open_data("fashion-mnist")
    assert (len(data.train), len(data.val), data.classes[9]) == (60_000, 10_000, "Ankle boot")
    preprocessing = data.preprocessing(28, 1)
    assert (preprocessing.mean, preprocessing.std) == ((0.286,), (0.353,))  # as everybody's scripts have them, 0.2860 and 0.3530


@pytest.mark.parametrize("inside", [".", "raw", "MNIST/raw"])
@pytest.mark.parametrize("compress", [False, True])
def test_mnist_is_read_from_a_folder_or_where_torchvision_puts_it(tmp_path: Path, inside: str, compress: bool) -> None:
    pixels = mnist(tmp_path / inside, compress)
    data = open_data(f"mnist:{tmp_path}")
    assert (data.channels, data.size, len(data.val)) == (1, 28, TEST)
    assert data.train.labels.tolist() == [number % 10 for number in range(TRAIN)]
    assert np.array_equal(np.asarray(data.train.read(3, 1)), pixels[3])


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("train-labels-idx1-ubyte", idx_file(np.array([17] * TRAIN)), r"image 0 has label 17; labels are 0 to 9"),
        ("train-labels-idx1-ubyte", idx_file(np.arange(4)), r"30 images, but train-labels-idx1-ubyte 4 labels"),
        ("t10k-images-idx3-ubyte", idx_file(np.zeros((TEST, 28, 28)))[:-5], r"cut off or damaged: 7,840 bytes .* 7,835"),
        ("t10k-images-idx3-ubyte", b"<html>", r"no IDX file of bytes in 3 dimensions"),
    ],
)
def test_damaged_files_and_labels_out_of_range_are_named(tmp_path: Path, file: str, content: bytes, message: str) -> None:
    mnist(tmp_path)
    (tmp_path / file).write_bytes(content)
    with pytest.raises(DataError, match=message) as raised:
        open_data(f"mnist:{tmp_path}")
    assert str(tmp_path) in str(raised.value)


def cifar_arrays(classes: int) -> tuple[np.ndarray, np.ndarray]:
    count = max(TRAIN, classes)
    return np.random.default_rng(1).integers(0, 256, (count, 3072), dtype=np.uint8), np.arange(count) % classes


def cifar10_binary(folder: Path) -> None:
    folder.mkdir(parents=True)
    pixels, labels = cifar_arrays(10)
    records = np.concatenate([labels[:, None].astype(np.uint8), pixels], 1).tobytes()
    for number in range(1, 6):
        (folder / f"data_batch_{number}.bin").write_bytes(records)
    (folder / "test_batch.bin").write_bytes(records)
    (folder / "batches.meta.txt").write_text("airplane automobile bird cat deer dog frog horse ship truck\n".replace(" ", "\n"))


def python_2_pickle(pixels: np.ndarray, labels: np.ndarray, key: str) -> bytes:
    """As Python 2 wrote it: protocol 2, strings as bytes, numpy's old module names."""
    written = pickle.dumps({b"data": pixels, key.encode(): labels.tolist(), b"batch_label": b"training"}, protocol=2)
    return written.replace(b"cnumpy._core.multiarray\n", b"cnumpy.core.multiarray\n")


def cifar_pickled(folder: Path, names: dict[str, str], key: str, classes: int) -> None:
    folder.mkdir(parents=True)
    pixels, labels = cifar_arrays(classes)
    for name in names.values():
        (folder / name).write_bytes(python_2_pickle(pixels, labels, key))


def test_cifar10_is_the_same_in_its_binary_and_its_pickled_form(tmp_path: Path) -> None:
    cifar10_binary(tmp_path / "bin/cifar-10-batches-bin")
    files = {str(number): f"data_batch_{number}" for number in range(1, 6)} | {"test": "test_batch"}
    cifar_pickled(tmp_path / "py", files, "labels", 10)
    (tmp_path / "py/batches.meta").write_bytes(pickle.dumps({b"label_names": [b"airplane", *(b"x%d" % n for n in range(9))]}, 0))
    binary, pickled = open_data(f"cifar10:{tmp_path / 'bin'}"), open_data(f"cifar10:{tmp_path / 'py'}")
    assert (len(binary.train), binary.channels, binary.size) == (5 * TRAIN, 3, 32)
    assert (binary.classes[9], pickled.classes[1]) == ("truck", "x0")
    assert binary.fingerprint == pickled.fingerprint
    expected = cifar_arrays(10)[0][4].reshape(3, 32, 32).transpose(1, 2, 0)
    assert np.array_equal(np.asarray(binary.val.read(4, 3)), expected)


def test_cifar100_takes_the_fine_labels_in_both_forms(tmp_path: Path) -> None:
    pixels, labels = cifar_arrays(100)
    (tmp_path / "bin").mkdir()
    coarse = np.full(len(labels), 19)
    records = np.concatenate([np.stack([coarse, labels], 1).astype(np.uint8), pixels], 1).tobytes()
    for name in ("train.bin", "test.bin"):
        (tmp_path / "bin" / name).write_bytes(records)
    cifar_pickled(tmp_path / "py", {"train": "train", "test": "test"}, "fine_labels", 100)
    binary, pickled = open_data(f"cifar100:{tmp_path / 'bin'}"), open_data(f"cifar100:{tmp_path / 'py'}")
    assert binary.fingerprint == pickled.fingerprint
    assert binary.train.labels.tolist() == labels.tolist()


class Hostile:
    """A pickle of this makes a folder."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def __reduce__(self) -> tuple[object, tuple[str]]:
        import os

        return os.mkdir, (str(self.place),)


def test_a_pickle_that_asks_for_anything_but_arrays_is_refused_and_not_run(tmp_path: Path) -> None:
    files = {str(number): f"data_batch_{number}" for number in range(1, 6)} | {"test": "test_batch"}
    cifar_pickled(tmp_path / "py", files, "labels", 10)
    (tmp_path / "py/data_batch_3").write_bytes(pickle.dumps({b"data": Hostile(tmp_path / "owned")}))
    with pytest.raises(DataError, match=r"data_batch_3 .*asks for (posix|nt)\.mkdir, which is neither"):
        open_data(f"cifar10:{tmp_path / 'py'}")
    assert not (tmp_path / "owned").exists()


def test_damage_and_labels_out_of_range_are_named(tmp_path: Path) -> None:
    folder = tmp_path / "cifar-10-batches-bin"
    cifar10_binary(folder)
    good = (folder / "data_batch_2.bin").read_bytes()
    (folder / "data_batch_2.bin").write_bytes(good[:-1])
    with pytest.raises(DataError, match=r"data_batch_2.bin is cut off or damaged: its 92,189 bytes are no multiple of 3,073"):
        open_data(f"cifar10:{tmp_path}")
    (folder / "data_batch_2.bin").write_bytes(good[:3073] + b"\x2a" + good[3074:])
    with pytest.raises(DataError, match=r"data_batch_2.bin: image 1 has label 42; labels are 0 to 9"):
        open_data(f"cifar10:{tmp_path}")


def test_files_that_are_nowhere_and_no_network_say_where_to_put_which(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from torchvision.datasets import utils

    def refused(*_: object, **__: object) -> None:
        raise OSError("Network is unreachable")

    monkeypatch.setattr(utils, "download_url", refused)
    monkeypatch.setenv("CONVATLAS_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=r"mnist is not in .*home/data, .*Network is unreachable.*train-images-idx3-ubyte\[.gz\]"):
        open_data("mnist")
    with pytest.raises(
        DataError, match=r"cifar10 is not in .*mine, .*data_batch_1.bin and so on and test_batch.bin.*cifar10:FOLDER"
    ):
        open_data(f"cifar10:{tmp_path / 'mine'}")
