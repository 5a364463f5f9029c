"""The runtimes that there are: each is how to come from a network to a form of it that is called in the same way."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..errors import ConvatlasError
from ..names import unknown_name
from ..trace import trace
from .fold import folded
from .forms import OnnxRuntimeForm, OpenVinoForm, TorchForm

Prepare = Callable[[nn.Module, Tensor], nn.Module]


@dataclass(frozen=True, kw_only=True)
class Runtime:
    """A way to run a network.

    Attributes:
        about: what it is, in a few words.
        prepare: from a network in evaluation mode and images of the size it will get, to a module that gives the same outputs. The
            network stays as it is.
        dtype: of its arithmetic.

    """

    about: str
    prepare: Prepare
    dtype: str = "float32"


def _plain(network: nn.Module, images: Tensor) -> nn.Module:
    return TorchForm(copy.deepcopy(network))


def _channels_last(network: nn.Module, images: Tensor) -> nn.Module:
    return TorchForm(copy.deepcopy(network), channels_last=True)


def _folded(network: nn.Module, images: Tensor) -> nn.Module:
    return TorchForm(folded(network, trace(network, tuple(images.shape)))[0], channels_last=True)


def _bf16(network: nn.Module, images: Tensor) -> nn.Module:
    return TorchForm(folded(network, trace(network, tuple(images.shape)))[0], torch.bfloat16, channels_last=True)


def _compiled(dtype: torch.dtype) -> Prepare:
    def prepare(network: nn.Module, images: Tensor) -> nn.Module:
        form = TorchForm(copy.deepcopy(network), dtype, channels_last=True)
        # frozen: weights are constants, so that batch norms are folded and weights packed beforehand
        form.network.compile(options={"freezing": True})
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the compiler's own deprecations
            form(images)
        return form

    return prepare


RUNTIMES: dict[str, Runtime] = {
    "eager": Runtime(about="PyTorch as it is", prepare=_plain),
    "channels_last": Runtime(about="PyTorch, channels innermost", prepare=_channels_last),
    "folded": Runtime(about="PyTorch, batch norms folded into convolutions, channels innermost", prepare=_folded),
    "bf16": Runtime(about="the same with weights and activations in bfloat16", prepare=_bf16, dtype="bfloat16"),
    "compile": Runtime(about="torch.compile, weights frozen, channels innermost", prepare=_compiled(torch.float32)),
    "compile_bf16": Runtime(about="the same in bfloat16", prepare=_compiled(torch.bfloat16), dtype="bfloat16"),
    "onnxruntime": Runtime(about="ONNX Runtime", prepare=OnnxRuntimeForm),
    "openvino": Runtime(
        about="OpenVINO in float32", prepare=lambda network, images: OpenVinoForm(network, images, "f32")
    ),
    "openvino_bf16": Runtime(
        about="OpenVINO in bfloat16", prepare=lambda network, images: OpenVinoForm(network, images, "bf16"), dtype="bfloat16"
    ),
    "openvino_streams": Runtime(
        about="OpenVINO in float32, a batch cut into a part for each thread",
        prepare=lambda network, images: OpenVinoForm(network, images, "f32", streams=torch.get_num_threads()),
    ),
    "openvino_bf16_streams": Runtime(
        about="the same in bfloat16",
        prepare=lambda network, images: OpenVinoForm(network, images, "bf16", streams=torch.get_num_threads()),
        dtype="bfloat16",
    ),
}  # fmt: skip


def runtime(name: str) -> Runtime:
    """A runtime by its name.

    Raises:
        ConvatlasError: there is none of that name.

    """
    if name not in RUNTIMES:
        raise unknown_name("runtime", name, RUNTIMES, f"there are {', '.join(RUNTIMES)}")
    return RUNTIMES[name]


def prepared(name: str, network: nn.Module, images: Tensor) -> nn.Module:
    """The network in the form that a runtime runs, after a first call.

    Args:
        name: of the runtime.
        network: on the CPU; it stays as it is.
        images: (N, C, H, W), as it will get them.

    Raises:
        ConvatlasError: the runtime is unknown, not installed, or does not take this network; the message names both.

    """
    prepare = runtime(name).prepare
    try:
        with torch.no_grad():
            form = prepare(network, images)
            form(images)
    except ConvatlasError as error:
        raise ConvatlasError(str(error) if name in str(error) else f"{name}: {error}") from error
    except Exception as error:  # each runtime raises its own, and a network whatever it likes
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise ConvatlasError(f"{name} does not run {type(network).__name__}: {reason}") from error
    return form
