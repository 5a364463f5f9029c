"""The service answers what the network sees, refuses what is wrong in one line, batches, and ends without losing a request."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from PIL import Image
from torch import Tensor, nn

from convatlas.errors import ConvatlasError
from convatlas.export import Card, write_network
from convatlas.predict import Classifier, predict
from convatlas.serve import Limits, is_loopback, listening
from convatlas.weights import Preprocessing

from .conftest import brightness, image, running


def test_it_answers_what_predict_says(service: httpx.Client, tmp_path: Path) -> None:
    (tmp_path / "grey.png").write_bytes(image(200))
    classifier = Classifier(
        name="brightness",
        logits=brightness,
        preprocessing=Preprocessing(resize=8, crop=8, mean=(0, 0, 0), std=(1, 1, 1)),
        classes=("black", "white"),
    )
    (wanted,) = predict(classifier, [tmp_path / "grey.png"])
    as_body = service.post("/predict", content=image(200)).json()
    as_form = service.post("/predict", files={"image": ("grey.png", image(200))}).json()
    assert as_body == as_form == {"model": "brightness", "classes": wanted.record()["classes"]}
    assert [each["class"] for each in as_body["classes"]] == ["white", "black"]
    assert len(service.post("/predict?top=1", content=image(200)).json()["classes"]) == 1


def bomb() -> bytes:
    """A PNG of a few bytes that says it has a thousand million pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")

    head = (30_000).to_bytes(4, "big") * 2 + bytes([8, 0, 0, 0, 0])
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("content", "status", "words"),
    [
        (b"no image", 400, "no image that can be read"),
        (image(7)[:-30], 400, "damaged"),
        (image(7, (90, 90), "JPEG")[:300], 400, "damaged|no image"),
        (b"", 400, "send its bytes as the body"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", 400, "no image that can be read"),
        (bomb(), 413, "900000000 pixels"),
        (image(7, (200, 100)), 413, "200x100 pixels are more than the 10,000"),
        (bytes(20_000), 413, "larger than"),
    ],
    ids=["text", "half a png", "half a jpeg", "nothing", "postscript", "bomb", "many pixels", "many bytes"],
)
def test_bad_images_get_a_status_and_one_line(service: httpx.Client, content: bytes, status: int, words: str) -> None:
    for answer in (
        service.post("/predict", content=content),
        service.post("/predict", files={"image": ("x", content)}),
    ):
        assert answer.status_code == status
        (error,) = answer.json().values()
        assert "\n" not in error
        assert re.search(words, error), error
    assert service.post("/predict", content=image(0)).status_code == 200


@pytest.mark.parametrize(
    ("path", "headers", "content", "status"),
    [
        ("/predict?top=0", {}, image(7), 422),
        ("/predict?top=many", {}, image(7), 422),
        ("/predict", {"content-type": "multipart/form-data"}, image(7), 400),
        ("/predict", {"content-type": "multipart/form-data; boundary=x"}, image(7), 400),
        ("/nowhere", {}, image(7), 404),
    ],
)
def test_bad_requests_get_one_line(service: httpx.Client, path: str, headers: dict[str, str], content: bytes, status: int) -> None:
    answer = service.post(path, headers=headers, content=content)
    assert answer.status_code == status
    assert list(answer.json()) == ["error"]
    assert "\n" not in answer.json()["error"]


def test_a_body_whose_length_is_not_told_is_limited_too(service: httpx.Client) -> None:
    assert service.post("/predict", content=(bytes(1000) for _ in range(20))).status_code == 413


def test_health_metrics_and_the_api_are_told(service: httpx.Client) -> None:
    assert service.get("/healthz").json() == {"status": "ok"}
    service.post("/predict", content=image(7))
    metrics = service.get("/metrics").text
    assert 'convatlas_requests_total{status="200"}' in metrics
    assert "convatlas_batch_images_count" in metrics
    content = service.get("/openapi.json").json()["paths"]["/predict"]["post"]["requestBody"]["content"]
    assert set(content) == {"application/octet-stream", "multipart/form-data"}
    assert service.get("/docs").status_code == 200


class Gate:
    """A network that waits until it is let go, and keeps the sizes of its batches."""

    def __init__(self) -> None:
        self.open, self.batches = threading.Event(), list[int]()

    def __call__(self, images: Tensor) -> Tensor:
        if self.batches:  # the first call is the service's own, before it answers
            assert self.open.wait(60)
        self.batches.append(len(images))
        return brightness(images)


def all_posted(client: httpx.Client, count: int) -> list[httpx.Response]:
    with ThreadPoolExecutor(count) as threads:
        return list(threads.map(lambda index: client.post("/predict", content=image(255 * (index % 2))), range(count)))


def wait_for(text: str, client: httpx.Client) -> None:
    for _ in range(600):
        if text in client.get("/metrics").text:
            return
        time.sleep(0.05)
    pytest.fail(f"never {text}")


def test_what_comes_together_is_classified_together_and_each_gets_its_own_answer() -> None:
    gate = Gate()
    with running(gate, Limits(batch=4)) as found, httpx.Client(base_url=found.address, timeout=60) as client:
        with ThreadPoolExecutor(1) as other:
            answers = other.submit(all_posted, client, 9)
            wait_for("convatlas_requests_in_work 9.0", client)
            gate.open.set()
        classes = [answer.json()["classes"][0]["class"] for answer in answers.result()]
    assert classes == ["black", "white"] * 4 + ["black"]
    assert max(gate.batches) == 4
    assert len(gate.batches) <= 5


def test_a_lonely_request_does_not_wait_for_others() -> None:
    with running(limits=Limits(deadline_seconds=600)) as found:
        assert httpx.post(f"{found.address}/predict", content=image(0), timeout=30).status_code == 200


def test_a_full_queue_is_told_to_try_again() -> None:
    gate = Gate()
    with running(gate, Limits(queue=3)) as found, httpx.Client(base_url=found.address, timeout=60) as client:
        with ThreadPoolExecutor(1) as other:
            answers = other.submit(all_posted, client, 3)
            wait_for("convatlas_requests_in_work 3.0", client)
            refused = client.post("/predict", content=image(0))
            gate.open.set()
        assert [answer.status_code for answer in answers.result()] == [200] * 3
        assert refused.status_code == 429
        assert refused.headers["Retry-After"] == "1"
        assert client.post("/predict", content=image(0)).status_code == 200


def test_a_failing_network_is_told_and_the_service_goes_on(capfd: pytest.CaptureFixture[str]) -> None:
    calls = list[int]()

    def fails_once(images: Tensor) -> Tensor:
        calls.append(len(images))
        if len(calls) == 2:
            raise RuntimeError("out of something")
        return brightness(images)

    with running(fails_once) as found, httpx.Client(base_url=found.address) as client:
        failed = client.post("/predict", content=image(0))
        assert (failed.status_code, list(failed.json())) == (500, ["error"])
        assert client.post("/predict", content=image(0)).status_code == 200
    assert "out of something" in capfd.readouterr().err


def test_a_body_that_does_not_come_ends_its_request() -> None:
    with running(limits=Limits(body_seconds=0.2)) as found:
        port = int(found.address.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.settimeout(30)
            connection.sendall(b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf")
            assert b" 408 " in connection.recv(1000).partition(b"\r\n")[0]


def test_the_end_answers_everything_that_was_taken() -> None:
    gate = Gate()
    with running(gate, Limits(batch=4)) as found, httpx.Client(base_url=found.address, timeout=60) as client:
        with ThreadPoolExecutor(1) as other:
            answers = other.submit(all_posted, client, 10)
            wait_for("convatlas_requests_in_work 10.0", client)
            found.server.handle_exit(signal.SIGTERM, None)
            health = client.get("/healthz")
            gate.open.set()
        assert [answer.status_code for answer in answers.result()] == [200] * 10
        assert (health.status_code, health.headers["connection"]) == (503, "close")
        found.thread.join(60)
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{found.address}/healthz")


def test_only_this_machine_may_connect_unless_it_is_said() -> None:
    assert [is_loopback(host) for host in ("127.0.0.1", "::1", "localhost", "0.0.0.0", "example.org")] == [True] * 3 + [False] * 2


def test_a_taken_port_is_told() -> None:
    with listening("127.0.0.1", 0) as taken, pytest.raises(ConvatlasError, match="Address already in use; choose another --port"):
        listening("127.0.0.1", taken.getsockname()[1])


@pytest.mark.slow
def test_the_command_serves_a_file_and_loses_nothing_when_it_is_killed(tmp_path: Path) -> None:
    card = Card(
        model="tiny",
        weights="of a test",
        input_size=(3, 64, 64),
        preprocessing=Preprocessing(resize=64, crop=64),
        classes=("cat", "dog"),
    )
    write_network(
        nn.Sequential(nn.Conv2d(3, 64, 3), nn.Conv2d(64, 2, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten()), tmp_path / "net.pt2", card
    )
    Image.effect_noise((300, 200), 80).save(tmp_path / "noise.jpg")
    command = [sys.executable, "-m", "convatlas", "serve", str(tmp_path / "net.pt2"), "--port", "0", "--queue", "500"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    address = process.stdout.readline().split("answers at ")[1].split("/predict")[0]
    outcomes, photo = list[str](), (tmp_path / "noise.jpg").read_bytes()

    def client() -> None:
        with httpx.Client(base_url=address, timeout=60) as connection:
            while True:
                try:
                    outcomes.append(str(connection.post("/predict", content=photo).status_code))
                except httpx.ConnectError:  # it no longer accepts
                    return
                except httpx.HTTPError as error:
                    outcomes.append(repr(error))
                    return

    clients = [threading.Thread(target=client) for _ in range(8)]
    for each in clients:
        each.start()
    time.sleep(3)
    os.kill(process.pid, signal.SIGTERM)
    for each in clients:
        each.join(60)
    assert process.wait(60) == 0
    process.stdout.close()
    assert set(outcomes) == {"200"}
    assert len(outcomes) > 50
