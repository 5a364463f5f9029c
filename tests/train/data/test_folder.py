"""Folders of images and lists: which file is of which class and split, and what is refused."""

from __future__ import annotations

import shutil
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from convatlas.train.data import Data, DataError, open_data, open_images
from convatlas.train.data.images import Images


def draw(*files: Path, size: int = 8) -> None:
    """Images, each of its own shade."""
    for number, file in enumerate(files):
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (size, size), (number * 5 % 256, 0, 0)).save(file)


def pairs(data: Data, images: Images) -> set[tuple[str, str]]:
    return {(images.name(index), data.classes[label]) for index, label in enumerate(images.labels.tolist())}


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.mark.parametrize("validation", ["val", "valid", "validation", "test", "Test"])
def test_splits_are_known_by_their_usual_names_and_classes_by_theirs(tmp_path: Path, validation: str) -> None:
    draw(tmp_path / "train/кот/1.png", tmp_path / "train/犬/deep/er/2.PNG", tmp_path / f"{validation}/犬/3.png")
    draw(tmp_path / f"{validation}/кот/a b.png")
    data = open_data(tmp_path)
    assert pairs(data, data.train) == {("train/кот/1.png", "кот"), ("train/犬/deep/er/2.PNG", "犬")}
    assert pairs(data, data.val) == {(f"{validation}/кот/a b.png", "кот"), (f"{validation}/犬/3.png", "犬")}


def test_classes_are_matched_by_name_though_the_folders_write_it_in_two_forms_of_unicode(tmp_path: Path) -> None:
    composed, decomposed = (unicodedata.normalize(form, "Bär") for form in ("NFC", "NFD"))
    draw(tmp_path / f"train/{decomposed}/1.png", tmp_path / "train/Wolf/1.png")
    draw(tmp_path / f"val/{composed}/1.png", tmp_path / "val/Wolf/1.png")
    assert open_data(tmp_path).classes == (composed, "Wolf")


def test_hidden_files_and_folders_are_ignored_and_links_followed_without_end(tmp_path: Path) -> None:
    draw(*(tmp_path / f"photos/cat/{number}.png" for number in range(2)), *(tmp_path / f"elsewhere/{n}.png" for n in range(3)))
    draw(tmp_path / "photos/.cache/x.png", tmp_path / "photos/cat/.thumbs/x.png", tmp_path / "photos/cat/._1.png")
    (tmp_path / "photos/dog").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere/again").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "photos/cat/up").symlink_to(tmp_path / "photos/cat")
    data = open_data(tmp_path / "photos")
    names = {name for images in (data.train, data.val) for name, _ in pairs(data, images)}
    assert names == {"cat/0.png", "cat/1.png", "dog/0.png", "dog/1.png", "dog/2.png"}


def test_a_class_may_be_called_train_or_test(tmp_path: Path) -> None:
    draw(*(tmp_path / f"{name}/{number}.png" for name in ("bus", "train", "test") for number in range(3)))
    assert open_data(tmp_path).classes == ("bus", "test", "train")


def test_the_split_depends_on_seed_and_names_alone(tmp_path: Path) -> None:
    draw(*(tmp_path / f"a/{name}/{number}.png" for name in ("cat", "dog") for number in range(10)))
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    np.random.seed(1)
    first = open_data(tmp_path / "a", seed=1)
    np.random.seed(2)
    moved, other = open_data(tmp_path / "b", seed=1), open_data(tmp_path / "a", seed=2)
    assert pairs(first, first.val) == pairs(moved, moved.val) != pairs(other, other.val)
    assert first.fingerprint == moved.fingerprint
    assert first.counts()["val"] == {"cat": 2, "dog": 2}


def test_folds_validate_every_image_once_with_classes_as_frequent_in_each(tmp_path: Path) -> None:
    draw(*(tmp_path / f"{name}/{number}.png" for name, count in (("cat", 6), ("dog", 12)) for number in range(count)))
    folds = [open_data(tmp_path, folds=3, fold=fold) for fold in range(3)]
    assert all(data.counts()["val"] == {"cat": 2, "dog": 4} for data in folds)
    validated = [pair for data in folds for pair in pairs(data, data.val)]
    assert len(set(validated)) == len(validated) == 18
    with pytest.raises(DataError, match=r"'cat' has 6 images, too few for 7 folds"):
        open_data(tmp_path, folds=7, fold=0)
    with pytest.raises(DataError, match="fold 3 of 3"):
        open_data(tmp_path, folds=3, fold=3)


def test_files_added_and_removed_are_noticed_by_the_next_run(tmp_path: Path) -> None:
    draw(*(tmp_path / f"{name}/{number}.png" for name in ("cat", "dog") for number in range(4)))
    before = open_data(tmp_path)
    (tmp_path / "cat/0.png").unlink()
    draw(tmp_path / "dog/new.png")
    after = open_data(tmp_path)
    assert after.fingerprint != before.fingerprint
    assert {pair for images in (after.train, after.val) for pair in pairs(after, images)} >= {("dog/new.png", "dog")}
    assert len(after.train) + len(after.val) == 8


def test_an_empty_folder_is_named_with_what_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=f"{tmp_path} holds no class with images .looked for images, .jpg or .png"):
        open_data(tmp_path)
    draw(tmp_path / "1.png", tmp_path / "2.png")
    with pytest.raises(DataError, match="2 images lie in it itself: put them into a folder for each class"):
        open_data(tmp_path)


def test_what_teaches_nothing_is_refused(tmp_path: Path) -> None:
    draw(*(tmp_path / f"one/cat/{number}.png" for number in range(4)))
    with pytest.raises(DataError, match="one class, cat"):
        open_data(tmp_path / "one")
    draw(tmp_path / "two/train/cat/1.png", tmp_path / "two/train/dog/1.png", tmp_path / "two/val/cat/1.png")
    with pytest.raises(DataError, match="'dog' has no image to validate on"):
        open_data(tmp_path / "two")
    draw(tmp_path / "two/val/dog/1.png", tmp_path / "two/val/elk/1.png")
    with pytest.raises(DataError, match=r"'elk' is to validate, but training lacks it; training has cat, dog"):
        open_data(tmp_path / "two")
    draw(tmp_path / "three/cat/1.png", tmp_path / "three/cat/2.png", tmp_path / "three/dog/1.png")
    with pytest.raises(DataError, match="'dog' has 1 image; a class needs two"):
        open_data(tmp_path / "three")
    draw(tmp_path / "four/training_set/cat/1.png", tmp_path / "four/test/cat/1.png")
    with pytest.raises(DataError, match="four/test/ holds folders, as a split does that validates, but there is no train/"):
        open_data(tmp_path / "four")


def test_what_is_left_out_is_said(tmp_path: Path, said: list[str]) -> None:
    draw(*(tmp_path / f"{split}/{name}/1.png" for split in ("train", "val", "test") for name in ("cat", "dog")))
    draw(tmp_path / "train/loose.png")
    (tmp_path / "train/empty").mkdir()
    open_data(tmp_path, say=said.append)
    assert said == [
        f"not read: {tmp_path}/test/, which lies beside train/",
        f"not a class: {tmp_path}/train/empty/ holds no image",
        f"not read: 1 images that lie in {tmp_path}/train/ itself, in no class's folder",
    ]


def test_a_name_that_is_no_data_gets_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"unknown data 'fashion_mnist': did you mean fashion-mnist"):
        open_data("fashion_mnist")
    (tmp_path / "x.txt").touch()
    with pytest.raises(DataError, match=r"is a file, but no list .* and no shard"):
        open_data(tmp_path / "x.txt")


def test_sizes_and_channels_come_from_the_files(tmp_path: Path) -> None:
    draw(*(tmp_path / f"small/{name}/{number}.png" for name in "ab" for number in range(3)), size=32)
    small = open_data(tmp_path / "small")
    assert (small.size, small.channels, small.short_sides) == (32, 3, (32, 32))
    assert (small.preprocessing(40, 3).resize, small.preprocessing(40, 1).mean) == (40, (0.449,))
    Image.new("L", (300, 200)).save(tmp_path / "small/a/0.png")
    large = open_data(tmp_path / "small")
    assert (large.size, large.channels, large.short_sides) == (None, 3, (32, 200))
    assert large.preprocessing(224, 3).resize == 256


def test_a_list_names_files_and_labels_and_splits(tmp_path: Path, said: list[str]) -> None:
    draw(*(tmp_path / f"bilder/ü {number}.png" for number in range(6)))
    rows = [("0", "10", "train"), ("1", "9", "train"), ("2", "10", "valid"), ("3", "9", "valid"), ("4", "9", "test")]
    text = "".join(f"bilder/ü {number}.png,{label},{split}\n" for number, label, split in rows)
    (tmp_path / "list.csv").write_text("\ufeffpath,label,split\n" + text, encoding="utf-8")
    data = open_data(tmp_path / "list.csv", say=said.append)
    assert data.classes == ("9", "10")
    assert pairs(data, data.val) == {("bilder/ü 2.png", "10"), ("bilder/ü 3.png", "9")}
    assert data.train.read(1, 3).getpixel((0, 0)) == (5, 0, 0)
    assert said == [f"not read: 1 images of {tmp_path}/list.csv whose split is test; valid validates"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("file,label\n", r"no column 'path' \(it has file, label\)"),
        ("path;label\na.png;1\n", r"no column 'path' \(it has path;label\)"),
        ("", r"no column 'path' \(it has none\)"),
        ("path,label\na.png,\n", r"line 2: no label"),
        ("path,label\na.png\n", r"line 2: no label"),
        ("path,label,split\na.png,1,dev\n", r"line 2: split 'dev' is none of train"),
        ("path,label,split\na.png,1,val\n", r"lists no image to train on"),
        ("path,label,split\na.png,1,train\na.png,1,val\n", r"a.png is both to train on and to validate"),
        ("path,label\na.png,1\nb.png,2\n", r"none can be read: .*a.png|b.png"),
    ],
)
def test_what_is_wrong_with_a_list_is_told_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "list.csv").write_text(text)
    with pytest.raises(DataError, match=message):
        open_data(tmp_path / "list.csv")


def test_images_to_evaluate_on_take_the_networks_classes_by_name(tmp_path: Path) -> None:
    draw(tmp_path / "dog/1.png", tmp_path / "dog/2.png")
    images = open_images(tmp_path, classes=["cat", "dog", "elk"])
    assert images.labels.tolist() == [1, 1]
    digits = open_data("digits")
    turned = open_images(digits, classes=[*reversed(digits.classes)])
    assert turned.labels.tolist() == [9 - label for label in digits.val.labels]
    with pytest.raises(DataError, match="images of 'dog', which is no class of the network; it knows cat, elk"):
        open_images(tmp_path, classes=["cat", "elk"])
