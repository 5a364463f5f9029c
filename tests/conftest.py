"""What all tests share: other libraries' networks, built on meta, and short measurements."""

from __future__ import annotations

import gc
import warnings
from collections.abc import Callable
from typing import Any
from unittest.mock import patch

import pytest
import torch
from torch import nn

from convatlas.runtime import rounds


def pytest_itemcollected(item: pytest.Item) -> None:
    """What is not in the sample of its test is slow."""
    sample = item.get_closest_marker("sample")
    if sample is not None and isinstance(item, pytest.Function) and item.callspec.params["name"] not in sample.args[0]:
        item.add_marker(pytest.mark.slow)


def pytest_collection_finish() -> None:
    """What stands by now lives to the end; the collector, which would go through it again and again, is told so."""
    gc.collect()
    gc.freeze()


def _torchvision_on_meta(name: str, **options: Any) -> nn.Module:
    from torchvision.models import get_model, regnet

    if name in ("googlenet", "inception_v3"):
        options.setdefault("init_weights", False)
    arithmetic = regnet.BlockParams.from_init_params.__func__  # type: ignore[attr-defined]

    def on_cpu(cls: Any, *args: Any, **kwargs: Any) -> Any:
        with torch.device("cpu"):  # it works its widths out with tensors
            return arithmetic(cls, *args, **kwargs)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its own deprecations
        with patch.object(regnet.BlockParams, "from_init_params", classmethod(on_cpu)), torch.device("meta"):
            return get_model(name, weights=None, **options)


def _timm_on_meta(name: str, **options: Any) -> nn.Module:
    import timm

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with torch.device("meta"):
            return timm.create_model(name, pretrained=False, **options)


@pytest.fixture(scope="session")
def torchvision_on_meta() -> Callable[..., nn.Module]:
    """A torchvision network without weights, on meta."""
    return _torchvision_on_meta


@pytest.fixture(scope="session")
def timm_on_meta() -> Callable[..., nn.Module]:
    """A timm network without weights, on meta."""
    return _timm_on_meta


# whose weights alone would take minutes to lay out: wider or deeper siblings of others
_LARGEST = ("giant", "gigantic", "huge", "enormous", "so400m", "_7b", "vit_h", "vit_l", "xxlarge", "eva02_e", "1280", "2560")


@pytest.fixture(scope="session")
def moderate() -> Callable[[list[str]], list[str]]:
    """Of libraries' networks those that are not among the largest."""
    return lambda names: [name for name in names if not any(word in name for word in _LARGEST)]


@pytest.fixture(scope="session")
def own_input() -> Callable[[nn.Module, str], tuple[int, ...]]:
    """The size of a library's network's own input, (C, H, W)."""

    def size(model: nn.Module, name: str) -> tuple[int, ...]:
        own = (getattr(model, "pretrained_cfg", None) or {}).get("input_size")
        return tuple(own) if own else (3, 299, 299) if name == "inception_v3" else (3, 224, 224)

    return size


@pytest.fixture
def short_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    """For what measures and is held to no time: one call is a sample, whatever else the machine does."""
    monkeypatch.setattr(rounds, "_SAMPLE_SECONDS", 0.0)
    monkeypatch.setattr(rounds.OtherLoad, "cores", lambda self: 0.0)
