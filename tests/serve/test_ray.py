"""The same app on a local Ray cluster of two replicas."""

from __future__ import annotations

from inspect import signature
from pathlib import Path

import httpx
import pytest
from torch import nn

from convatlas.export import Card, write_network
from convatlas.weights import Preprocessing

from .conftest import image


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # ray's own
def test_a_local_cluster_answers_what_one_process_does(tmp_path: Path) -> None:
    ray = pytest.importorskip("ray")
    serve = pytest.importorskip("ray.serve")
    from convatlas.serve.ray_app import Settings, application

    # of this signature `serve run` makes the settings: with an annotation that is text it would pass a dictionary
    assert signature(application).parameters["settings"].annotation is Settings

    preprocessing = Preprocessing(resize=8, crop=8, mean=(0, 0, 0), std=(1, 1, 1))
    card = Card(
        model="mean", weights="of a test", input_size=(3, 8, 8), preprocessing=preprocessing, classes=("red", "green", "blue")
    )
    path = write_network(nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()), tmp_path / "mean.pt2", card).path
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    try:
        serve.start(http_options={"host": "127.0.0.1", "port": 8765})
        serve.run(application(Settings(model=str(path), replicas=2)), name="photos", route_prefix="/")
        found = [httpx.post("http://127.0.0.1:8765/predict", content=image(255), timeout=60) for _ in range(4)]
        assert [len(answer.json()["classes"]) for answer in found] == [3] * 4
        assert httpx.post("http://127.0.0.1:8765/predict", content=b"nothing", timeout=60).status_code == 400
    finally:
        serve.shutdown()
        ray.shutdown()
