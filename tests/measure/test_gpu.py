"""A GPU's calibration without a GPU: what is measured of it, and that known times come back as predictions of other networks."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

import convatlas as ca
from convatlas.analysis.latency import kernels_seconds
from convatlas.analysis.latency import latency as predict
from convatlas.api.calibrate import calibrate
from convatlas.devices.card import card
from convatlas.devices.conditions import Conditions
from convatlas.devices.own import gpu_name
from convatlas.devices.profile import Profile, shipped
from convatlas.errors import ConvatlasError
from convatlas.graph import Graph
from convatlas.measure import gpu
from convatlas.measure import pieces as measured_pieces
from convatlas.measure.calibration import Sample
from convatlas.measure.pieces import Piece, network_pieces, op_pieces

MEASURED = ("resnet18", "mobilenet_v2", "vgg11", "squeezenet1_1", "shufflenet_v2_x1_0", "alexnet")
OTHERS = ("resnet50", "vgg16", "mnasnet1_0")


class Fabricated:
    """A device whose kernels take what a profile says, give or take one per cent."""

    together, fastest = 16, 1.0

    def __init__(self, profile: Profile, reference: Sequence[float] = (1.0,)) -> None:
        self.profile, self.chance, self.references = profile, random.Random(0), list(reference)
        self.group: Sequence[Piece] = []
        self.called: Counter[str] = Counter()

    def make(self, group: Sequence[Piece]) -> None:
        self.group = group

    def round(self) -> list[Sample]:
        self.called.update(piece.name for piece in self.group)
        return [Sample(self._seconds(piece) * self.chance.uniform(0.99, 1.01)) for piece in self.group]

    def reference(self) -> float:
        return self.references[0] if len(self.references) == 1 else self.chance.choice(self.references)

    def about(self) -> str:
        return "fabricated"

    def _seconds(self, piece: Piece) -> float:
        return kernels_seconds(Counter(piece.kernels), self.profile) + piece.network * self.profile.call_seconds


@pytest.fixture(scope="module")
def graphs() -> list[Graph]:
    return [ca.trace(name) for name in MEASURED]


@pytest.fixture
def fabricated(monkeypatch: pytest.MonkeyPatch, graphs: list[Graph]) -> Fabricated:
    """In the place of this machine's GPU, an RTX 4090 of the shipped profile, and a smaller atlas."""
    timer = Fabricated(shipped("rtx4090-amp-nchw-torch2.9"))
    monkeypatch.setattr(measured_pieces, "graphs_of_the_atlas", lambda progress: graphs)
    monkeypatch.setattr(measured_pieces, "NETWORKS", MEASURED)
    monkeypatch.setattr(gpu, "KINDS", [("amp", "nchw")])
    monkeypatch.setattr(gpu, "card_here", lambda: card("rtx4090"))
    monkeypatch.setattr(gpu, "this_gpu", lambda: "rtx4090")
    monkeypatch.setattr(gpu, "CudaTimer", lambda: timer)
    return timer


def test_times_of_a_known_profile_come_back_for_networks_that_were_not_measured(fabricated: Fabricated) -> None:
    (found,) = calibrate(device="cuda", ops=150)
    assert (found.networks, found.ops + found.networks) == (2 * len(MEASURED), found.wanted)
    assert found.profile.model == "gpu"
    assert "fabricated; " in found.profile.source
    conditions = Conditions()
    for name in OTHERS:
        graph = ca.trace(name)
        truth, made = (
            predict(graph, profile, conditions, times=64).milliseconds for profile in (fabricated.profile, found.profile)
        )
        assert made == pytest.approx(truth, rel=0.05), name
    assert ca.latency("resnet50", (64, 3, 224, 224), device="cuda").profile == found.profile.name


def test_a_gpu_that_was_not_calibrated_has_the_profile_of_its_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu, "this_gpu", lambda: "rtx3090")
    assert ca.latency("alexnet", (64, 3, 224, 224), device="cuda").profile == "rtx3090-amp-nchw-torch2.4"


def test_what_an_interrupted_calibration_measured_is_not_measured_again(
    fabricated: Fabricated, graphs: list[Graph], own_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measured_pieces, "NETWORKS", MEASURED[:1])
    monkeypatch.setattr(measured_pieces, "graphs_of_the_atlas", lambda progress: graphs[:1])

    def interrupted(done: int, total: int, last: str) -> None:
        if len(fabricated.called) > fabricated.together:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        calibrate(device="cuda", ops=60, progress=interrupted)
    (rows,) = own_folder.glob("*.rows")
    before = set(fabricated.called)
    assert len(rows.read_text().splitlines()) == len(before)
    fabricated.called.clear()
    calibrate(device="cuda", ops=60)
    assert before.isdisjoint(fabricated.called)
    assert not rows.exists()


def test_a_gpu_whose_reference_varies_is_told_and_not_saved(fabricated: Fabricated, own_folder: Path) -> None:
    fabricated.references = [1.0, 1.1, 1.8, 2.4]
    with pytest.raises(ConvatlasError, match="too noisy: the same convolution"):
        calibrate(device="cuda", ops=20)
    assert not list(own_folder.glob("*.json"))


def test_the_ops_of_a_gpu_are_those_of_autocast_at_its_batches(graphs: list[Graph], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measured_pieces, "NETWORKS", ("alexnet",))
    for layout in ("nchw", "nhwc"):
        conditions = Conditions(layout=layout)
        made = [*op_pieces(graphs[:3], conditions, 60, gpu.GPU), *network_pieces(conditions, gpu.GPU)]
        kinds = {kernel.kind for piece in made if not piece.network for kernel in piece.kernels}
        assert {"conv", "relu", "batch_norm", "cast"} <= kinds
        assert {piece.name for piece in made if piece.network} == {"alexnet at batch 8", "alexnet at batch 64"}
        convolutions = [kernel for piece in made for kernel in piece.kernels if kernel.kind == "conv"]
        assert {kernel.dtype for kernel in convolutions} == {"float16"}
        assert {kernel.layout for kernel in convolutions if kernel.window and kernel.window.channels > 3} == {layout}


def test_every_op_that_a_gpu_would_run_is_a_call_that_torch_takes(graphs: list[Graph]) -> None:
    here = gpu.GPU._replace(place="cpu", batches=(2,))
    with torch.inference_mode():
        for piece in op_pieces(graphs[:1], Conditions(layout="nhwc"), 10, here):
            call, written = piece.make()
            assert isinstance(call(), torch.Tensor)
            assert written


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("NVIDIA GeForce RTX 4090", "rtx4090"),
        ("NVIDIA GeForce RTX 4060 Ti", "rtx4060ti"),
        ("NVIDIA GeForce RTX 4090 Laptop GPU", "rtx4090laptop"),
        ("NVIDIA H100 80GB HBM3", "h100"),
        ("NVIDIA A100-SXM4-40GB", "a100"),
        ("Tesla V100-SXM2-32GB", "v100"),
        ("Tesla T4", "t4"),
        ("NVIDIA RTX 6000 Ada Generation", "rtx6000ada"),
    ],
)
def test_a_gpu_is_called_as_its_datasheet_is(title: str, name: str) -> None:
    assert gpu_name(title) == name


def _device(monkeypatch: pytest.MonkeyPatch, processors: int, memory_bytes: int) -> None:
    made: Any = SimpleNamespace(multi_processor_count=processors, total_memory=memory_bytes, L2_cache_size=2**25)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "NVIDIA GeForce RTX 4090")
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda: made)
    monkeypatch.setattr(gpu, "_clock_hz", lambda: 2.5e9)


def test_a_datasheet_counts_only_for_a_device_of_its_processors_and_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    sheet = card("rtx4090")
    _device(monkeypatch, sheet.processors, int(0.98 * sheet.memory_bytes))
    assert gpu.card_here() == sheet


def test_without_a_gpu_that_is_told_in_a_line() -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(ConvatlasError, match="there is no CUDA device here"):
        calibrate(device="cuda")
    with pytest.raises(ConvatlasError, match="there is no CUDA device here"):
        ca.latency("alexnet", device="cuda")
