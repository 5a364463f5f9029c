"""Requests a second of the service under 8 clients, with dynamic batching and one image at a time, on this machine.

python benchmarks/serving.py [NETWORK] [SECONDS]
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from statistics import median

import httpx
import numpy as np
from PIL import Image

import convatlas as ca

CLIENTS = 8


def photo() -> bytes:
    """A JPEG of 500x375 pixels."""
    file = io.BytesIO()
    small = np.random.default_rng(0).integers(0, 255, (8, 8, 3), dtype=np.uint8)
    Image.fromarray(small).resize((500, 375), Image.Resampling.BICUBIC).save(file, "JPEG", quality=90)
    return file.getvalue()


def resident_megabytes(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def measured(file: Path, seconds: float, *options: str) -> str:
    """A row: requests a second, median and 99th percentile, what was lost, memory at the start and the end."""
    command = [sys.executable, "-m", "convatlas", "serve", str(file), "--port", "0", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        address = process.stdout.readline().split("answers at ")[1].split(";")[0]
        times, lost, image = list[float](), list[str | int](), photo()
        end = time.monotonic() + seconds

        def client() -> None:
            with httpx.Client(timeout=60) as connection:
                while time.monotonic() < end:
                    began = time.perf_counter()
                    try:
                        status = connection.post(address, content=image).status_code
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
        early = resident_megabytes(process.pid)
        for each in clients:
            each.join()
        late = resident_megabytes(process.pid)
        process.terminate()
    ordered = sorted(times)
    p99 = ordered[int(0.99 * len(ordered))]
    return f"| {len(times) / seconds:.1f} | {median(ordered) * 1e3:.0f} | {p99 * 1e3:.0f} | {len(lost)} of {len(times) + len(lost)} | {early:.0f} / {late:.0f} |"


def main(network: str = "resnet18", seconds: float = 60) -> None:
    """Measure and print the table."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "net.xml"
        ca.export(network, file)
        print(
            f"{network}, OpenVINO in float32 on a CPU, {CLIENTS} clients on the same machine, {seconds:g} s each, JPEG of 500x375 pixels"
        )
        print("| service | requests/s | median ms | p99 ms | lost | MB after 1/6 of the time / at the end |")
        print("| --- | ---: | ---: | ---: | ---: | ---: |")
        for name, options in (("dynamic batches of up to 16", ()), ("one image at a time", ("--batch", "1"))):
            print(f"| {name} {measured(file, seconds, *options)}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:2], *map(float, sys.argv[2:3]))
