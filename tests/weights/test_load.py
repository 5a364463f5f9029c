"""Weights load into the network they were made for, into other heads and channels with a word, and into nothing else."""

from __future__ import annotations

import hashlib
import warnings
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import timm
import torch
from safetensors.torch import save_file

from convatlas.models.pretrained import create_with_weights
from convatlas.weights import published
from convatlas.weights.download import WeightsError
from convatlas.weights.load import WeightsWarning, adapted_to_channels, read_state
from convatlas.zoo import Network, create

if TYPE_CHECKING:
    from .conftest import Server

NAME = "squeezenet1_1"


@pytest.fixture(scope="module")
def donor() -> Network:
    return create(NAME).eval()


@pytest.fixture
def checkpoint(donor: Network, tmp_path: Path) -> Path:
    path = tmp_path / "donor.pth"
    torch.save(donor.state_dict(), path)
    return path


def same(first: Network, second: Network) -> bool:
    images = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        return torch.equal(first.eval()(images), second.eval()(images))


def test_a_file_a_wrapped_one_and_safetensors_give_the_same_network(donor: Network, checkpoint: Path, tmp_path: Path) -> None:
    wrapped, tensors = tmp_path / "wrapped.pth", tmp_path / "donor.safetensors"
    torch.save({"state_dict": {f"module.{key}": value for key, value in donor.state_dict().items()}, "epoch": 3}, wrapped)
    save_file(donor.state_dict(), tensors)
    for path in (checkpoint, wrapped, tensors):
        assert same(donor, create_with_weights(NAME, path))


@pytest.mark.parametrize(
    ("name", "theirs"),
    [("mobilenet_v2_035", "mobilenetv2_035"), ("mnasnet_small", "mnasnet_small"), ("regnet_x_200mf", "regnetx_002"),
     ("efficientnet_lite0", "tf_efficientnet_lite0"), ("seresnet18", "legacy_seresnet18")],
)  # fmt: skip
def test_a_file_of_timm_loads_under_its_own_names(name: str, theirs: str, tmp_path: Path) -> None:
    network, path, images = timm.create_model(theirs).eval(), tmp_path / "timm.pth", torch.randn(1, 3, 64, 64)
    torch.save(network.state_dict(), path)
    with torch.no_grad():
        torch.testing.assert_close(create_with_weights(name, path).eval()(images), network(images))


def test_a_url_is_downloaded_and_loaded(donor: Network, checkpoint: Path, server: Server) -> None:
    assert same(donor, create_with_weights(NAME, server.serve(checkpoint.read_bytes())))


def test_other_classes_start_the_head_anew_and_say_so(donor: Network, checkpoint: Path) -> None:
    with pytest.warns(WeightsWarning, match="7 classes"):
        network = create_with_weights(NAME, checkpoint, num_classes=7)
    assert network.num_classes == 7
    assert torch.equal(network.get_parameter("features.0.weight"), donor.get_parameter("features.0.weight"))


@pytest.mark.parametrize("channels", [1, 6])
def test_other_channels_see_an_image_of_equal_channels_as_before(donor: Network, checkpoint: Path, channels: int) -> None:
    with pytest.warns(WeightsWarning, match=f"{channels} input channels"):
        network = create_with_weights(NAME, checkpoint, in_channels=channels).eval()
    grey = torch.randn(1, 1, 64, 64)
    with torch.no_grad():
        expected, found = donor(grey.expand(-1, 3, -1, -1)), network(grey.expand(-1, channels, -1, -1))
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-4)


def test_channel_weights_by_hand() -> None:
    weight = torch.tensor([1.0, 2.0, 4.0]).view(1, 3, 1, 1)
    assert adapted_to_channels(weight, 1).flatten().tolist() == [7.0]
    assert adapted_to_channels(weight, 6).flatten().tolist() == [0.5, 1.0, 2.0, 0.5, 1.0, 2.0]


def test_another_architecture_is_refused_with_its_keys(checkpoint: Path) -> None:
    with pytest.raises(WeightsError) as caught:
        create_with_weights("alexnet", checkpoint)
    message = str(caught.value)
    assert "keys are missing" in message
    assert "left over" in message
    assert "\n" not in message


def test_other_shapes_are_named_and_the_network_stays_as_it_was(donor: Network, tmp_path: Path) -> None:
    from convatlas.weights.load import load_weights

    state = donor.state_dict()
    state["features.0.weight"] = torch.zeros(5, 3, 3, 3)
    path = tmp_path / "shapes.pth"
    torch.save(state, path)
    network = create(NAME)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    with pytest.raises(WeightsError, match="5x3x3x3 where the network has 64x3x3x3"):
        load_weights(network, NAME, path)
    assert all(torch.equal(before[key], value) for key, value in network.state_dict().items())


class Touch:
    """Unpickling it would make a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self.path,)


def test_a_file_with_code_is_refused_and_not_run(tmp_path: Path) -> None:
    marker, path = tmp_path / "ran", tmp_path / "code.pth"
    torch.save({"weight": Touch(marker)}, path)
    with pytest.raises(WeightsError, match="refused"):
        read_state(path)
    assert not marker.exists()


@pytest.mark.parametrize(("name", "reason"), [("notes.txt", "is no checkpoint"), ("broken.safetensors", "is no safetensors file")])
def test_a_file_that_is_no_checkpoint_is_refused(tmp_path: Path, name: str, reason: str) -> None:
    path = tmp_path / name
    path.write_text("not a checkpoint")
    with pytest.raises(WeightsError, match=reason):
        read_state(path)


@pytest.mark.parametrize("zipped", [True, False])
def test_a_checkpoint_cut_anywhere_or_with_a_flipped_byte_is_read_or_refused_in_one_line(tmp_path: Path, zipped: bool) -> None:
    path = tmp_path / "net.pth"
    torch.save({"weight": torch.ones(3, 4)}, path, _use_new_zipfile_serialization=zipped)
    whole = path.read_bytes()
    refusals = []
    for place in range(0, len(whole), max(1, len(whole) // 150)):
        for damaged in (whole[:place], whole[:place] + bytes([whole[place] ^ 0x41]) + whole[place + 1 :]):
            path.write_bytes(damaged)
            try:
                read_state(path)
            except WeightsError as error:
                refusals.append(str(error))
    assert len(refusals) >= 150  # every cut is seen
    assert not [refusal for refusal in refusals if "\n" in refusal]


def test_what_torch_warns_of_reaches_the_caller_whose_filters_are_left_alone(tmp_path: Path) -> None:
    path, weight = tmp_path / "protocol3.pth", torch.ones(3, 4)
    torch.save({"weight": weight}, path, pickle_protocol=3)
    with pytest.warns(UserWarning, match="pickle protocol 3"):
        state = read_state(path)
    assert torch.equal(state["weight"], weight)


def test_a_download_that_is_no_checkpoint_is_not_kept(server: Server, cache: Path) -> None:
    server.files["/net.pth"] = b"<html>log in first</html>"
    with pytest.raises(WeightsError, match=r"net\.pth is of no use.*nothing was kept"):
        create_with_weights(NAME, f"{server.address}/net.pth")
    assert list(cache.glob("*")) == []


def test_the_meta_device_takes_no_weights(checkpoint: Path) -> None:
    with torch.device("meta"), pytest.raises(WeightsError, match="meta device"):
        create_with_weights(NAME, checkpoint)


def test_imagenet_means_the_published_file_and_what_its_images_need(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    donor, path = create("googlenet"), tmp_path / "googlenet.pth"
    torch.save(donor.state_dict(), path)
    stated = published("googlenet")
    assert stated is not None
    content = path.read_bytes()
    served = replace(stated, url=server.serve(content), sha256=hashlib.sha256(content).hexdigest(), num_bytes=len(content))
    monkeypatch.setattr("convatlas.weights.load.published", {"googlenet": served}.get)
    network = create_with_weights("googlenet", "imagenet", aux_logits=False).eval()  # the file's training heads are left out
    seen: list[torch.Tensor] = []
    network.get_submodule("conv1").register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    images = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        network(images)
    # the weights were made for images normalised to mean and deviation 0.5, and these come with ImageNet's
    scale, shift = (torch.tensor(values).view(1, 3, 1, 1) for values in ((0.458, 0.448, 0.45), (-0.03, -0.088, -0.188)))
    torch.testing.assert_close(seen[0], images * scale + shift)
    assert torch.equal(network.get_parameter("fc.weight"), donor.get_parameter("fc.weight"))
    with pytest.warns(WeightsWarning, match="1 input channels"):
        create_with_weights("googlenet", "imagenet", in_channels=1)


def test_a_source_that_is_nothing_says_what_there_is() -> None:
    with pytest.raises(WeightsError, match="https URL"):
        create_with_weights(NAME, "nowhere.pth")
    with pytest.raises(WeightsError, match="no ImageNet weights are published"):
        create_with_weights("zfnet", "imagenet")


def test_old_densenet_names_are_understood(tmp_path: Path) -> None:
    network = create("densenet121")
    old = {key.replace(".norm1.", ".norm.1.").replace(".conv2.", ".conv.2."): v for key, v in network.state_dict().items()}
    path = tmp_path / "old.pth"
    torch.save(old, path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loaded = create_with_weights("densenet121", path)
    assert all(torch.equal(value, loaded.state_dict()[key]) for key, value in network.state_dict().items())
