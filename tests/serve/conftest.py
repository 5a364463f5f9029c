"""A service in this process, on a free port of this machine."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx
import pytest
import torch
from PIL import Image
from torch import Tensor

from convatlas.predict import Classifier
from convatlas.serve import Limits, listening, make_app, server_of
from convatlas.serve.run import Server
from convatlas.weights import Preprocessing


def brightness(images: Tensor) -> Tensor:
    """Logits of "black" and "white": how bright an image is."""
    light = images.mean((1, 2, 3))
    return torch.stack([1 - light, light], 1)


def image(colour: int, size: tuple[int, int] = (20, 16), kind: str = "PNG") -> bytes:
    """A file of one colour."""
    file = io.BytesIO()
    Image.new("L", size, colour).save(file, kind)
    return file.getvalue()


@dataclass
class Running:
    """A service that answers.

    Attributes:
        address: of it.
        server: that answers.
        thread: that it runs in.
    """

    address: str
    server: Server
    thread: threading.Thread


@contextmanager
def running(logits: Callable[[Tensor], Tensor] = brightness, limits: Limits | None = None) -> Iterator[Running]:
    """A service that answers within the block."""
    classifier = Classifier(
        name="brightness",
        logits=logits,
        preprocessing=Preprocessing(resize=8, crop=8, mean=(0, 0, 0), std=(1, 1, 1)),
        classes=("black", "white"),
    )
    place, ready = listening("127.0.0.1", 0), threading.Event()
    server = server_of(make_app(classifier, limits or Limits()), ready.set)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [place]})
    thread.start()
    assert ready.wait(60)
    try:
        yield Running(f"http://127.0.0.1:{place.getsockname()[1]}", server, thread)
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="module")
def service() -> Iterator[httpx.Client]:
    """A client of a service with small limits."""
    with running(limits=Limits(body_bytes=10_000, pixels=10_000)) as found, httpx.Client(base_url=found.address) as client:
        yield client
