"""Requests a second of the service under 8 clients: with dynamic batching, one image at a time, and beside Ray Serve, on this machine.

    python benchmarks/serving.py [NETWORK] [SECONDS]

"Without batching" is one image at a time by the network as PyTorch runs it, as model servers do by their defaults; Ray Serve's
row is a deployment as its own documentation has it, of the same network and the same reading of images (it needs
`pip install "ray[serve]"`, and is left out without it). Weights are the initial ones: they change no time.
"""

from __future__ import annotations

import importlib.util
import io
import os
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import httpx
import numpy as np
from PIL import Image

CLIENTS = 8
TOP = 5


class Service(NamedTuple):
    """What answers: its address, and the process whose memory counts."""

    address: str
    pid: int


@contextmanager
def ours(network: str, *options: str) -> Iterator[Service]:
    """`convatlas serve`."""
    command = [sys.executable, "-m", "convatlas", "serve", network, "--weights", "none", "--port", "0", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        yield Service(process.stdout.readline().split("answers at ")[1].split(";")[0], process.pid)
        process.terminate()


@contextmanager
def ray_serve(network: str) -> Iterator[Service]:
    """A plain deployment of one replica, one image a call."""
    import ray
    from ray import serve
    from starlette.requests import Request

    @serve.deployment
    class Photos:
        def __init__(self) -> None:
            from convatlas.api import classifier

            warnings.simplefilter("ignore")
            self.classifier = classifier(network, weights=None)

        def pid(self) -> int:
            return os.getpid()

        async def __call__(self, request: Request) -> dict[str, Any]:
            image = self.classifier.read(io.BytesIO(await request.body()))
            return {"classes": [guess.record() for guess in self.classifier.guesses(image[None], TOP)[0]]}

    threads = {"env_vars": {"OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", str(os.cpu_count()))}}  # else Ray sets one
    ray.init(include_dashboard=False, log_to_driver=False, logging_level="ERROR", runtime_env=threads)
    try:
        serve.start(http_options={"host": "127.0.0.1", "port": 8765})
        handle = serve.run(Photos.bind(), name="photos", route_prefix="/")
        yield Service("http://127.0.0.1:8765/", handle.pid.remote().result())
    finally:
        serve.shutdown()
        ray.shutdown()


def photo() -> bytes:
    """A JPEG of 500x375 pixels."""
    file = io.BytesIO()
    small = np.random.default_rng(0).integers(0, 255, (8, 8, 3), dtype=np.uint8)
    Image.fromarray(small).resize((500, 375), Image.Resampling.BICUBIC).save(file, "JPEG", quality=90)
    return file.getvalue()


def resident_megabytes(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def under_load(service: Service, seconds: float) -> str:
    """A row: requests a second, median and 99th percentile, what was lost, memory at the start and the end."""
    times, lost, image = list[float](), list[str | int](), photo()
    end = time.monotonic() + seconds

    def client() -> None:
        with httpx.Client(timeout=60) as connection:
            while time.monotonic() < end:
                began = time.perf_counter()
                try:
                    status = connection.post(service.address, content=image).status_code
                except httpx.HTTPError as error:
                    lost.append(repr(error))
                    continue
                if status == 200:
                    times.append(time.perf_counter() - began)
                else:
                    lost.append(status)

    clients = [threading.Thread(target=client) for _ in range(CLIENTS)]
    for each in clients:
        each.start()
    time.sleep(seconds / 6)
    early = resident_megabytes(service.pid)
    for each in clients:
        each.join()
    late = resident_megabytes(service.pid)
    ordered = sorted(times)
    p99 = ordered[int(0.99 * len(ordered))]
    return f"| {len(times) / seconds:.1f} | {median(ordered) * 1e3:.0f} | {p99 * 1e3:.0f} | {len(lost)} of {len(times) + len(lost)} | {early:.0f} / {late:.0f} |"


def main(network: str = "resnet18", seconds: float = 60) -> None:
    """Measure and print the table."""
    import torch

    print(
        f"{network}, {torch.get_num_threads()} threads, {CLIENTS} clients on the same machine, {seconds:g} s each, JPEG of 500x375 pixels"
    )
    print("| service | requests/s | median ms | p99 ms | lost | MB after 1/6 of the time / at the end |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    rows: dict[str, Callable[[], Any]] = {
        "fastest form, dynamic batches of up to 16": lambda: ours(network),
        "fastest form, one image at a time": lambda: ours(network, "--batch", "1"),
        "PyTorch eager, dynamic batches of up to 16": lambda: ours(network, "--eager"),
        "PyTorch eager, without batching": lambda: ours(network, "--eager", "--batch", "1"),
    }
    if importlib.util.find_spec("ray") and importlib.util.find_spec("grpc_reflection"):  # what ray[serve] adds to Ray
        rows["Ray Serve, PyTorch eager, without batching"] = lambda: ray_serve(network)
    for name, started in rows.items():
        with started() as service:
            print(f"| {name} {under_load(service, seconds)}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:2], *map(float, sys.argv[2:3]))
