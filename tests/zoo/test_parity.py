"""Every network that torchvision or timm has is the same function there and here.

The tables `PARITY` stand in `parity_*.py` beside this file. A row: our name, "torchvision" or "timm", its name there,
our options, and a function from a parameter's name there to its name here (None: the same names).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import pytest
import torch
from torch import Tensor, nn

from convatlas.zoo import create

Row = tuple[str, str, str, dict[str, Any], Callable[[str], str] | None]
SIZES = (64, 97, 128, 161, 192, 224, 299, 331)  # of images, and the first two that a network accepts are tried


@contextmanager
def without_initialisation() -> Iterator[None]:
    """The peer's constructors draw no random numbers: `fill` overwrites everything."""
    drawing = ("normal_", "uniform_", "trunc_normal_", "kaiming_normal_", "kaiming_uniform_", "xavier_uniform_")
    patches = [patch.object(nn.init, name, lambda tensor, *args, **kwargs: tensor) for name in drawing]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its own deprecations
        for each in patches:
            each.start()
        try:
            yield
        finally:
            for each in patches:
                each.stop()


def peer(library: str, name: str, **variation: Any) -> nn.Module:
    """Their network, without weights and without a download."""
    with without_initialisation():
        if library == "torchvision":
            from torchvision.models import get_model

            options = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
            return get_model(name, weights=None, **options)
        import timm

        return timm.create_model(name, pretrained=False, **variation)


def accepted_images(model: nn.Module, channels: int = 3) -> list[tuple[Tensor, Tensor]]:
    """Images of the first two sizes that the model accepts, and what it makes of them."""
    pairs = []
    for size in SIZES:
        images = torch.randn(1, channels, size, size, generator=torch.Generator().manual_seed(size))
        try:
            pairs.append((images, model(images)))
        except (RuntimeError, AssertionError):  # too small for its poolings, or not the size it insists on
            continue
        if len(pairs) == 2:
            break
    return pairs


def loaded(name: str, options: dict[str, Any], state: dict[str, Tensor]) -> nn.Module:
    """Our network on these very tensors; a `meta` one that is complete once its state is assigned."""
    with torch.device("meta"):
        network = create(name, **options)
    network.load_state_dict(state, strict=True, assign=True)
    return network.eval()


def test_same_names_and_same_outputs(parity_row: Row, fill: Callable[[nn.Module], None]) -> None:
    name, library, theirs, options, key_map = parity_row
    reference = peer(library, theirs)
    fill(reference)
    assert_same(name, options, reference.eval(), key_map)


@pytest.mark.parametrize(
    ("name", "theirs", "variation"),
    [
        ("densenet264", "densenet201", {"block_config": (6, 12, 64, 48)}),
        ("preact_resnet200", "resnetv2_152", {"layers": [3, 24, 36, 3]}),
    ],
)
def test_same_as_a_depth_that_timm_can_make(
    name: str, theirs: str, variation: dict[str, Any], fill: Callable[[nn.Module], None]
) -> None:
    reference = peer("timm", theirs, **variation)
    fill(reference)
    assert_same(name, {}, reference.eval(), None)


def assert_same(name: str, options: dict[str, Any], reference: nn.Module, key_map: Callable[[str], str] | None) -> None:
    """Our network takes the reference's tensors under their names, and computes the same."""
    state = reference.state_dict()
    renamed = {key_map(key) if key_map else key: tensor for key, tensor in state.items()}
    assert len(renamed) == len(state), "the key map sends two names to one"
    network = loaded(name, options, renamed)
    if key_map is None:
        reference.load_state_dict(network.state_dict(), strict=True)
    with torch.no_grad():
        pairs = accepted_images(reference)
        assert len(pairs) == 2
        for images, expected in pairs:
            scale = expected.abs().max().item()
            assert scale > 1e-3, "the reference's outputs are too small to tell anything"
            torch.testing.assert_close(network(images), expected, rtol=1e-5, atol=1e-5 * max(1.0, scale))


def test_training_drops_as_much_as_theirs(torchvision_row: Row) -> None:
    name, library, theirs, options, _ = torchvision_row
    with torch.device("meta"):
        ours = create(name, **options)
    assert drop_rates(ours) == pytest.approx(drop_rates(peer(library, theirs)))


def drop_rates(model: nn.Module) -> list[float]:
    """Of every dropout and every stochastic depth that drops anything, in order of size."""
    found = [(module, type(module).__name__) for module in model.modules()]
    rates = [module.p for module, kind in found if kind == "Dropout"]
    rates += [getattr(module, "p", getattr(module, "drop", 0.0)) for module, kind in found if kind == "StochasticDepth"]
    return sorted(rate for rate in rates if rate > 0)
