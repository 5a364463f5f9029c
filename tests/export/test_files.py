"""What is written is loaded again by its runtime, computes what the network does, and says what its images go through."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import openvino
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

import convatlas as ca
from convatlas.errors import ConvatlasError
from convatlas.export import Card, DiffersError, open_exported, write_network
from convatlas.weights import Preprocessing

CLASSES = ("tench", "goldfish é", '"quoted" <shark>', "猫")
CARD = Card(
    model="tiny",
    weights="of a test",
    input_size=(3, 16, 16),
    preprocessing=Preprocessing(resize=18, crop=16, mean=(0.5, 0.25, 0.125), interpolation="bicubic"),
    classes=CLASSES,
)
ENDINGS = [".onnx", ".pt2", ".xml"]


def tiny() -> nn.Module:
    """A network with statistics that normalise, dropout, and a view of the batch's size."""
    torch.manual_seed(0)
    layers = [
        nn.Conv2d(3, 8, 3, padding=1),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Dropout(),
        nn.Linear(512, 4),
    ]
    network = nn.Sequential(*layers)
    network(torch.randn(32, 3, 16, 16))  # in training mode: statistics of their own
    return network


@pytest.fixture(scope="module")
def network() -> nn.Module:
    return tiny()


@pytest.fixture(scope="module")
def exported(network: nn.Module, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The network in each format, written once."""
    folder = tmp_path_factory.mktemp("exported")
    return {ending: write_network(network, folder / f"tiny{ending}", CARD).path for ending in ENDINGS}


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_file_says_of_its_network_what_was_known(exported: dict[str, Path], ending: str) -> None:
    opened = open_exported(exported[ending])
    assert opened.card == CARD
    assert opened.sizes == ((3, 16, 16),)


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("batch", [1, 3, 7])
def test_any_batch_gives_the_networks_outputs(network: nn.Module, exported: dict[str, Path], ending: str, batch: int) -> None:
    images = torch.randn(batch, 3, 16, 16)
    with torch.inference_mode():
        wanted = network.eval()(images)
    torch.testing.assert_close(open_exported(exported[ending])(images), wanted, rtol=1e-4, atol=1e-5)


def test_others_can_load_the_files_without_convatlas(network: nn.Module, exported: dict[str, Path]) -> None:
    images = torch.randn(2, 3, 16, 16)
    with torch.inference_mode():
        wanted = network.eval()(images)
    session = onnxruntime.InferenceSession(str(exported[".onnx"]))
    compiled = openvino.Core().compile_model(str(exported[".xml"]), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    theirs = [
        session.run(["output"], {"images": images.numpy()})[0],
        compiled(images.numpy())[0],
        torch.export.load(exported[".pt2"]).module()(images).detach().numpy(),
    ]
    for found in theirs:
        np.testing.assert_allclose(found, wanted.numpy(), rtol=1e-4, atol=1e-5)
    assert "猫" in session.get_modelmeta().custom_metadata_map["classes"]
    onnx.checker.check_model(str(exported[".onnx"]))


def test_nothing_of_the_authors_machine_travels(exported: dict[str, Path]) -> None:
    here = str(Path(__file__).parent.parent).encode()
    for path in exported.values():
        assert here not in path.read_bytes(), path.name


@pytest.mark.parametrize("ending", ENDINGS)
def test_an_image_of_another_size_is_refused_with_the_way_out(exported: dict[str, Path], ending: str) -> None:
    with pytest.raises(ConvatlasError, match=r"takes images of 3x16x16, not of 3x32x32; export it with --input 3x32x32"):
        open_exported(exported[ending])(torch.zeros(1, 3, 32, 32))


def test_the_network_stays_in_its_mode_and_keeps_its_statistics(tmp_path: Path) -> None:
    network = tiny().train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    write_network(network, tmp_path / "tiny.pt2", CARD)
    assert all(module.training for module in network.modules())
    assert all(parameter.requires_grad for parameter in network.parameters())
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


class Doubled(nn.Module):
    """Whose second call gives twice what the first did: no file of it can be right."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        return x.mean((2, 3)) * self.calls


def test_a_file_that_computes_something_else_does_not_land(tmp_path: Path) -> None:
    with pytest.raises(DiffersError, match=r"net\.pt2 is not written: loaded again, it differs"):
        write_network(Doubled(), tmp_path / "net.pt2", CARD)
    assert list(tmp_path.iterdir()) == []


class Exotic(nn.Module):
    """Calls an op that neither ONNX nor OpenVINO has."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 4, 3), Exponential())

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x).mean((2, 3))


class Exponential(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.linalg.matrix_exp(x / 100)


class Guided(nn.Module):
    """Reads an image and four numbers beside it."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.head = nn.Conv2d(3, 4, 3), nn.Linear(8, 5)

    def forward(self, image: Tensor, beside: Tensor) -> Tensor:
        return self.head(torch.cat([self.body(image).mean((2, 3)), beside], 1))


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_network_of_two_inputs_gives_its_outputs_at_any_batch(tmp_path: Path, ending: str) -> None:
    network, path, inputs = Guided().eval(), tmp_path / f"guided{ending}", (torch.randn(5, 3, 8, 8), torch.randn(5, 4))
    ca.export(network, path, input_size=[(3, 8, 8), (4,)])
    opened = open_exported(path)
    with torch.inference_mode():
        torch.testing.assert_close(opened(*inputs), network(*inputs), rtol=1e-4, atol=1e-5)
    with pytest.raises(ConvatlasError, match=r"takes inputs of 3x8x8 and 4, not of 3x8x8; export it with --input 3x8x8 for those"):
        opened(inputs[0])
    with pytest.raises(ConvatlasError, match="takes inputs of one batch, not of 5 and 2"):
        opened(inputs[0], inputs[1][:2])


@pytest.mark.parametrize("ending", [".onnx", ".xml"])
def test_an_op_that_a_runtime_lacks_is_told_with_its_layer(tmp_path: Path, ending: str) -> None:
    with pytest.raises(ConvatlasError, match=r"cannot express aten\.linalg_matrix_exp of body\.1; write a \.pt2 file"):
        write_network(Exotic(), tmp_path / f"net{ending}", CARD)
    assert list(tmp_path.iterdir()) == []


class Fixed(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.reshape(1, -1)[:, :4]


class Branching(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(1)[:, :4] if x.sum() > 0 else -x.flatten(1)[:, :4]


def test_a_network_that_branches_on_values_is_told_with_the_line(tmp_path: Path) -> None:
    with pytest.raises(ConvatlasError, match=r"depends on a tensor's values.*test_files\.py"):
        write_network(Branching(), tmp_path / "net.onnx", CARD)


@pytest.mark.parametrize("name", ["tiny.onnx", "tiny.xml", "tiny.bin"])
def test_an_existing_file_stays(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("mine")
    target = tmp_path / ("tiny.onnx" if name == "tiny.onnx" else "tiny.xml")
    with pytest.raises(ConvatlasError, match="exists; name another file, or remove it"):
        write_network(nn.Flatten(), target, CARD)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["mine"]


def test_a_missing_runtime_is_told_with_its_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(ConvatlasError, match=r"onnxscript is not installed: pip install 'convatlas\[run\]'"):
        write_network(nn.Flatten(), tmp_path / "net.onnx", CARD)


@pytest.mark.parametrize("ending", ENDINGS)
def test_damaged_files_are_told(exported: dict[str, Path], tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"half{ending}"
    path.write_bytes(exported[ending].read_bytes()[: exported[ending].stat().st_size // 2])
    with pytest.raises(ConvatlasError, match="is damaged, or no"):
        open_exported(path)


def test_another_programs_file_is_not_guessed_about(exported: dict[str, Path], tmp_path: Path) -> None:
    model = onnx.load(str(exported[".onnx"]))
    del model.metadata_props[:]
    onnx.save(model, str(tmp_path / "theirs.onnx"))
    with pytest.raises(ConvatlasError, match="does not say what its images go through"):
        open_exported(tmp_path / "theirs.onnx")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Twelve images, each of one colour."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for index in range(12):
        Image.new("RGB", (40, 30), (20 * index, 255 - 20 * index, 128)).save(folder / f"{index:02}.png")
    return folder


def test_int8_holds_int8_weights_and_keeps_the_classes_of_its_images(network: nn.Module, photos: Path, tmp_path: Path) -> None:
    written = ca.export(
        network,
        tmp_path / "tiny.onnx",
        input_size=(3, 16, 16),
        preprocessing=CARD.preprocessing,
        classes=CLASSES,
        calibration=[photos],
    )
    assert written.card.precision == "int8"
    assert written.agreement is not None
    assert written.agreement >= 0.9
    model = onnx.load(str(tmp_path / "tiny.onnx"))
    assert any(each.data_type == onnx.TensorProto.INT8 and list(each.dims) == [8, 3, 3, 3] for each in model.graph.initializer)
    with pytest.raises(ConvatlasError, match=r"int8 is written as \.onnx"):
        ca.export(network, tmp_path / "tiny.pt2", input_size=(3, 16, 16), calibration=[photos])


def test_names_of_classes_must_be_as_many_as_the_logits(network: nn.Module, tmp_path: Path) -> None:
    with pytest.raises(ConvatlasError, match="`classes` has 2 names, and the network makes 4 logits"):
        ca.export(network, tmp_path / "tiny.pt2", input_size=(3, 16, 16), classes=["cat", "dog"])


@pytest.mark.slow
def test_nothing_needs_a_runtime_that_is_not_used() -> None:
    code = "import sys, convatlas.export; sys.exit(bool({'onnx', 'onnxruntime', 'onnxscript', 'openvino'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
