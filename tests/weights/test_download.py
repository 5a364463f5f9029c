"""Downloads resume, are verified, and leave nothing behind where they fail."""

from __future__ import annotations

import json
import os
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch

from convatlas.weights import FILE, published
from convatlas.weights.download import WeightsError, download
from convatlas.weights.timm_names import TIMM
from convatlas.zoo import Network, create

if TYPE_CHECKING:
    from .conftest import Server

CONTENT = os.urandom(3 * 2**20 + 17)


def create_on_meta(name: str) -> Network:
    with torch.device("meta"):
        return create(name)


def left_in(cache: Path) -> list[str]:
    return [path.name for path in cache.glob("*")] if cache.exists() else []


def test_a_good_file_lands_in_the_cache_and_is_asked_for_once(server: Server, cache: Path) -> None:
    url = server.serve(CONTENT)
    assert download(url).read_bytes() == CONTENT
    assert download(url).parent == cache
    assert len(server.asked) == 1


def test_a_connection_that_vanishes_midway_is_resumed_where_it_stopped(server: Server, cache: Path) -> None:
    url = server.serve(CONTENT)
    server.vanishing[url.removeprefix(server.address)] = 1
    assert download(url).read_bytes() == CONTENT
    assert [wanted for _, wanted in server.asked] == [None, f"bytes={len(CONTENT) // 2}-"]


def test_a_file_that_always_ends_early_leaves_nothing(server: Server, cache: Path) -> None:
    url = server.serve(CONTENT)
    server.vanishing[url.removeprefix(server.address)] = 100
    with pytest.raises(WeightsError, match="nothing was kept") as caught:
        download(url)
    assert url in str(caught.value)
    assert left_in(cache) == []


def test_an_interrupted_download_goes_on_the_next_time(server: Server, cache: Path) -> None:
    url = server.serve(CONTENT)
    target = download(url)
    target.with_name(f"{target.name}.part").write_bytes(CONTENT[:1000])
    target.unlink()
    assert download(url).read_bytes() == CONTENT
    assert server.asked[-1][1] == "bytes=1000-"


def test_a_wrong_hash_is_refused_and_nothing_kept(server: Server, cache: Path) -> None:
    url = server.serve(CONTENT, digits="0123abcd")
    with pytest.raises(WeightsError, match="0123abcd"):
        download(url)
    assert left_in(cache) == []


def test_a_missing_file_says_what_the_server_answered(server: Server, cache: Path) -> None:
    with pytest.raises(WeightsError, match="404"):
        download(f"{server.address}/none.pth")
    assert len(server.asked) == 1  # a "no" is not asked again
    assert left_in(cache) == []


def test_plain_http_is_refused_elsewhere() -> None:
    with pytest.raises(WeightsError, match="https"):
        download("http://example.org/net.pth")


def test_a_redirect_to_plain_http_is_refused(server: Server, cache: Path) -> None:
    server.redirects["/net.pth"] = "http://example.org/net.pth"
    with pytest.raises(WeightsError, match=r"leads to http://example\.org"):
        download(f"{server.address}/net.pth")
    assert left_in(cache) == []


def test_a_part_that_is_no_beginning_of_the_file_is_started_anew(server: Server, cache: Path) -> None:
    url = server.serve(CONTENT)
    target = download(url)
    target.rename(target.with_name(f"{target.name}.part"))  # all of it is there, so the server has no rest to give
    assert download(url).read_bytes() == CONTENT
    assert [wanted for _, wanted in server.asked][1:] == [f"bytes={len(CONTENT)}-", None]


def test_a_file_without_a_stated_hash_is_not_joined_to_an_older_half(server: Server, cache: Path) -> None:
    server.files["/net.pth"] = CONTENT
    target = download(f"{server.address}/net.pth")
    target.with_name(f"{target.name}.part").write_bytes(b"of another file")
    target.unlink()
    assert download(f"{server.address}/net.pth").read_bytes() == CONTENT


def test_processes_that_want_the_same_file_download_it_once(server: Server, cache: Path) -> None:
    url = server.serve(CONTENT)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(download, [url] * 4))
    assert [path.read_bytes() == CONTENT for path in found] == [True] * 4
    assert len(server.asked) == 1
    assert left_in(cache) == [found[0].name]


def test_the_table_is_what_torchvision_and_timm_state() -> None:
    from timm.models import get_pretrained_cfg
    from torchvision.models import get_model_weights

    names = json.loads(FILE.read_text())
    assert len(names) >= 90
    for name in names:
        found = published(name)
        assert found is not None
        if found.source.startswith("torchvision"):
            meta = {weights.url: weights for weights in get_model_weights(name)}[found.url].meta
            assert {"acc@1": found.top1, "acc@5": found.top5} == meta["_metrics"]["ImageNet-1K"], name
        else:
            stated = get_pretrained_cfg(TIMM[name][0])
            assert (stated.url, stated.mean, stated.std) == (found.url, found.preprocessing.mean, found.preprocessing.std), name


def test_a_file_of_another_size_is_refused_before_it_is_read(server: Server, cache: Path) -> None:
    url = server.serve(CONTENT)
    with pytest.raises(WeightsError, match=rf"has {len(CONTENT):,} bytes, published are 1,000; nothing was kept"):
        download(url, num_bytes=1000)
    assert left_in(cache) == []
    assert download(url, num_bytes=len(CONTENT)).read_bytes() == CONTENT


@pytest.mark.parametrize("name", json.loads(FILE.read_text()))
def test_the_published_hash_and_size_fit_the_name_and_the_network(name: str) -> None:
    found = published(name)
    assert found is not None
    stated = found.url.removesuffix(".pth").rpartition("-")[2]
    assert found.url.startswith("https://")
    assert re.fullmatch("[0-9a-f]{8,10}|[0-9a-f]{64}", found.sha256)
    assert found.sha256.startswith(stated)
    if found.num_bytes is None:
        return
    if found.megabytes is not None:
        assert found.num_bytes / 1e6 == pytest.approx(found.megabytes, abs=0.06)
    network = create_on_meta(name)
    tensors = [*network.parameters(), *network.buffers()]
    itemsize = 2 if name.startswith("wide_resnet") else 4  # torchvision keeps those in half precision
    around = found.num_bytes - itemsize * sum(tensor.numel() for tensor in tensors)
    assert 0 < around < 1100 * len(tensors), "the archive around the tensors"


def test_networks_without_a_published_file_have_none() -> None:
    assert published("resnet50_v1") is None
