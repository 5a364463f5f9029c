"""WebDataset shards: by pattern and from a server on this machine; samples, labels and splits."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from PIL import Image

from convatlas.train.data import DataError, Loader, open_data


def png(shade: int) -> bytes:
    file = io.BytesIO()
    Image.new("L", (8, 8), shade).save(file, "png")
    return file.getvalue()


def shard(file: Path, members: dict[str, bytes]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(file, "w") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))


def samples(first: int, count: int) -> dict[str, bytes]:
    """Grey images, whose shade is their number and whose label its parity."""
    pairs = [
        {f"{number:04}.png": png(number), f"{number:04}.cls": b"%d\n" % (number % 2)} for number in range(first, first + count)
    ]
    return {name: content for pair in pairs for name, content in pair.items()}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[str, list[str]]]:
    """The address of a server of ``tmp_path``/served, and the paths that were asked of it."""
    asked: list[str] = []

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            asked.append(self.path)

    (tmp_path / "served").mkdir()
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(tmp_path / "served"))) as running:
        thread = Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}", asked
        running.shutdown()
        thread.join()


def test_shards_of_unequal_size_are_one_set_that_is_split_by_sample(tmp_path: Path) -> None:
    for number, count in enumerate((1, 9, 10)):
        shard(tmp_path / f"s{number}.tar", samples(10 * number, count))
    data = open_data(tmp_path / "*.tar")
    assert (len(data.train), len(data.val), data.classes, data.channels, data.size) == (16, 4, ("0", "1"), 1, 8)
    for images in (data.train, data.val):
        shades = [images.read(index, 1).getpixel((0, 0)) for index in range(len(images))]
        assert [shade % 2 for shade in shades] == images.labels.tolist()  # type: ignore[operator]


@pytest.mark.parametrize("workers", [0, 3])
def test_an_epoch_has_the_steps_of_its_images_whatever_the_shards_and_workers(tmp_path: Path, workers: int) -> None:
    shard(tmp_path / "train-0.tar", samples(0, 10))
    shard(tmp_path / "val-0.tar", samples(10, 4))
    data = open_data(tmp_path / "*.tar")
    loader = Loader(
        data.train, classes=2, batch=4, channels=1, preprocessing=data.preprocessing(8, 1), training=True, workers=workers
    )
    for epoch in range(2):
        batches = list(loader.epoch(epoch))
        assert [batch.count for batch in batches] == [4, 4, 2]
        assert sorted(int(index) for batch in batches for index in batch.indexes) == list(range(10))


def test_shards_from_a_server_are_fetched_once_and_their_names_tell_the_split(
    tmp_path: Path, server: tuple[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    address, asked = server
    monkeypatch.setenv("CONVATLAS_HOME", str(tmp_path / "home"))
    for number in range(2):
        shard(tmp_path / f"served/train-{number:03}.tar", samples(10 * number, 6))
    shard(tmp_path / "served/val-000.tar", samples(100, 4))
    spec = f"{address}/{{train-{{000..001}},val-000}}.tar"
    first, again = open_data(spec), open_data(spec)
    assert (len(first.train), len(first.val)) == (12, 4)
    assert first.fingerprint == again.fingerprint
    assert sorted(asked) == ["/train-000.tar", "/train-001.tar", "/val-000.tar"]


def test_a_shard_that_comes_short_is_refused_and_not_kept(
    tmp_path: Path, server: tuple[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONVATLAS_HOME", str(tmp_path / "home"))
    shard(tmp_path / "whole.tar", samples(0, 8))
    whole = (tmp_path / "whole.tar").read_bytes()
    for cut in (1500, 1600, 2048):  # in a head, in an image, between two
        (tmp_path / f"served/cut{cut}.tar").write_bytes(whole[:cut])
        with pytest.raises(DataError, match=rf"cut{cut}.tar cannot be read as a tar file: (it is cut off|unexpected end of data)"):
            open_data(f"{server[0]}/cut{cut}.tar")
    with pytest.raises(ValueError, match=r"the server answered 404 File not found"):
        open_data(f"{server[0]}/missing.tar")
    assert not list((tmp_path / "home").rglob("*missing*.tar"))


def test_patterns_count_with_leading_zeros_and_list(tmp_path: Path) -> None:
    for number in range(8, 12):
        shard(tmp_path / f"a{number:03}.tar", samples(number * 10, 4))
    assert len(open_data(f"{tmp_path}/a{{008..010}}.tar").train.labels) == 9 + 1
    with pytest.raises(DataError, match="a brace has no fellow"):
        open_data(f"{tmp_path}/a{{008..010.tar")
    with pytest.raises(DataError, match=r"a012.tar: no such file"):
        open_data(f"{tmp_path}/a{{008..012}}.tar")
    with pytest.raises(DataError, match=r"b\*.tar: no file matches"):
        open_data(f"{tmp_path}/b*.tar")


def test_what_a_shard_lacks_is_told(tmp_path: Path) -> None:
    said: list[str] = []
    shard(tmp_path / "a.tar", samples(0, 8) | {"9.png": png(9), "9.txt": b"a caption", ".hidden.png": b""})
    open_data(tmp_path / "a.tar", say=said.append)
    assert said == [f"not read: 1 images of {tmp_path}/a.tar that have no .cls beside them"]
    shard(tmp_path / "b.tar", {"1.png": png(1), "1.json": b"{}"})
    with pytest.raises(DataError, match=r"no image with a label: looked for pairs like 0001.jpg and 0001.cls in 1 shards"):
        open_data(tmp_path / "b.tar")
    shard(tmp_path / "c.tar", samples(0, 3) | {"x/9.png": png(9), "x/9.cls": b"-1"})
    with pytest.raises(DataError, match=r"c.tar, x/9.cls: label -1 is out of range"):
        open_data(tmp_path / "c.tar")


def test_a_split_that_only_some_shards_state_is_refused(tmp_path: Path) -> None:
    for name in ("train-0.tar", "other.tar"):
        shard(tmp_path / name, samples(0, 4))
    with pytest.raises(DataError, match=r"train-0.tar says in its name of which split it is, but .*other.tar does not"):
        open_data(tmp_path / "*.tar")
