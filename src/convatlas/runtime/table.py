"""The runtimes that there are: each is how to come from a network to a form of it that is called in the same way."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from ..errors import ConvatlasError
from ..names import unknown_name
from ..trace import trace
from .fold import folded
from .forms import OnnxRuntimeForm, OpenVinoForm, TorchForm
from .source import Source

Prepare = Callable[[Source], nn.Module]


@dataclass(frozen=True, kw_only=True)
class Runtime:
    """A way to run a network.

    Attributes:
        about: what it is, in a few words.
        prepare: from a network and images to a module that gives the same outputs.
        dtype: of its arithmetic, where most of it is.

    """

    about: str
    prepare: Prepare
    dtype: str = "float32"


def _plain(source: Source) -> nn.Module:
    return TorchForm(copy.deepcopy(source.network))


def _channels_last(source: Source) -> nn.Module:
    return TorchForm(copy.deepcopy(source.network), channels_last=True)


def _with_folded_norms(source: Source) -> nn.Module:
    return folded(source.network, trace(source.network, tuple(source.images.shape)))[0]


def _folded(source: Source) -> nn.Module:
    return TorchForm(_with_folded_norms(source), channels_last=True)


def _bf16(source: Source) -> nn.Module:
    return TorchForm(_with_folded_norms(source), torch.bfloat16, channels_last=True)


def _compiled(dtype: torch.dtype) -> Prepare:
    def prepare(source: Source) -> nn.Module:
        form = TorchForm(copy.deepcopy(source.network), dtype, channels_last=True)
        # frozen: weights are constants, so that batch norms are folded and weights packed beforehand
        form.network.compile(options={"freezing": True})
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the compiler's own deprecations
            form(source.images)
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
    "int8": Runtime(
        about="ONNX Runtime in int8, activations' ranges as in the images that it is made with",
        prepare=lambda source: OnnxRuntimeForm(source, int8=True),
        dtype="int8",
    ),
    "openvino": Runtime(
        about="OpenVINO in float32", prepare=lambda source: OpenVinoForm(source, "f32")
    ),
    "openvino_bf16": Runtime(
        about="OpenVINO in bfloat16", prepare=lambda source: OpenVinoForm(source, "bf16"), dtype="bfloat16"
    ),
    "openvino_streams": Runtime(
        about="OpenVINO in float32, a batch cut into a part for each thread",
        prepare=lambda source: OpenVinoForm(source, "f32", streams=torch.get_num_threads()),
    ),
    "openvino_bf16_streams": Runtime(
        about="the same in bfloat16",
        prepare=lambda source: OpenVinoForm(source, "bf16", streams=torch.get_num_threads()),
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


def prepared(name: str, source: Source) -> nn.Module:
    """The network in the form that a runtime runs, after a first call.

    Raises:
        ConvatlasError: the runtime is unknown, not installed, or does not take this network; the message names both.

    """
    prepare = runtime(name).prepare
    try:
        with torch.no_grad():
            form = prepare(source)
            form(source.images)
    except ConvatlasError as error:
        raise ConvatlasError(str(error) if name in str(error) else f"{name}: {error}") from error
    except Exception as error:  # each runtime raises its own, and a network whatever it likes
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise ConvatlasError(f"{name} does not run {type(source.network).__name__}: {reason}") from error
    return form
