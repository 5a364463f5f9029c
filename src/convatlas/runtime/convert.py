"""A torch network in the forms of other runtimes, in memory: torch.export's program, an ONNX model, an OpenVINO model.

All have a dynamic batch axis, the same for all inputs, and one fixed size of each.
"""

from __future__ import annotations

import copy
import importlib
import logging
import math
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.export import Dim, ExportedProgram, ShapesCollection

from ..errors import ConvatlasError
from ..trace import trace

if TYPE_CHECKING:
    import onnx
    import openvino

_OP = re.compile(r"\baten\.(\w+)")
_ONLY_INPUT, _OUTPUT = "images", "output"
_POOL_ARGUMENTS = 7  # of avg_pool2d, the last of them the divisor
_BATCHES = (1, 3)  # traced at both first: what fixes its batch, or branches on values, is told by the line that does it


class UnsupportedOpError(ConvatlasError):
    """A runtime cannot express an op of the network."""


def runtime_package(name: str) -> ModuleType:
    """A runtime's package.

    Raises:
        ConvatlasError: it is not installed; with the extra that installs it.
    """
    try:
        return importlib.import_module(name)
    except ImportError:
        raise ConvatlasError(f"{name} is not installed: pip install 'convatlas[run]'") from None


def exported_program(network: nn.Module, *shapes: tuple[int, ...]) -> ExportedProgram:
    """The network's program, in evaluation mode, for inputs (N, *shape) in float32 of any N. The network stays as it is.

    Raises:
        ConvatlasError: it has no single program for all batches, or torch.export cannot make one.
    """
    for batch in _BATCHES:
        trace(network, [(batch, *shape) for shape in shapes])
    still = copy.deepcopy(network).eval().requires_grad_(False)
    samples, batch_axis = tuple(torch.zeros(2, *shape) for shape in shapes), Dim("batch", min=1)
    axes = ShapesCollection()  # type: ignore[no-untyped-call]
    for each in samples:
        axes[each] = {0: batch_axis}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of torch's own deprecations
            program = torch.export.export(still, samples, dynamic_shapes=axes)
    except Exception as error:
        raise ConvatlasError(f"torch.export does not take {type(network).__name__}: {_first_line(error)}") from error
    forget(program, "stack_trace")
    return program


def forget(program: ExportedProgram, *kinds: str) -> None:
    """Take out of a program what it keeps of the user's code: with "stack_trace" paths and lines would travel in its file."""
    for module in program.graph_module.modules():
        for node in getattr(getattr(module, "graph", None), "nodes", ()):
            for kind in kinds:
                node.meta.pop(kind, None)


def onnx_model(program: ExportedProgram) -> onnx.ModelProto:
    """The program as an ONNX model. Its first output is called ``output``, its only input ``images``; several have forward's own names.

    Raises:
        UnsupportedOpError: ONNX has no such op; with the layer.
        ConvatlasError: onnx or onnxscript is not installed, or the conversion fails.
    """
    for package in ("onnx", "onnxscript"):
        runtime_package(package)
    _divide_by_window(program)
    inputs = program.graph_signature.user_inputs
    names = [_ONLY_INPUT] if len(inputs) == 1 else [str(each) for each in inputs]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            converted = torch.onnx.export(program, dynamo=True, verbose=False, input_names=names, output_names=[_OUTPUT])
    except Exception as error:
        raise _failure("ONNX", error, program) from error
    assert converted is not None
    return converted.model_proto


def onnx_session(model: bytes | str) -> Any:
    """ONNX Runtime's session of a model, or of the file at a path, on as many threads of this CPU as torch has.

    Raises:
        ConvatlasError: onnxruntime is not installed.
    """
    runtime: Any = runtime_package("onnxruntime")
    options = runtime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = torch.get_num_threads(), 1
    options.log_severity_level = 3  # errors
    # its threads would go on spinning after a call, in the way of whatever runs next
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return runtime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def openvino_model(program: ExportedProgram, *shapes: tuple[int, ...]) -> openvino.Model:
    """The program as an OpenVINO model for inputs (N, *shape).

    Raises:
        UnsupportedOpError: OpenVINO has no such op; with the layer.
        ConvatlasError: openvino is not installed, or the conversion fails.
    """
    runtime: Any = runtime_package("openvino")
    frontends: Any = runtime_package("openvino.frontend")
    decoders: Any = runtime_package("openvino.frontend.pytorch.fx_decoder")
    _divide_by_window(program)
    try:
        # what openvino.convert_model does, which also sends statistics of the use to a server
        frontend = frontends.FrontEndManager().load_by_framework("pytorch")
        with _without_logs_of("fx_decoder"):
            decoder = decoders.TorchFXPythonDecoder.from_exported_program(program)
        loaded = frontend.load(decoder, True)  # its weights are the program's
        model: openvino.Model = frontend.convert(loaded)
        model.reshape({place: runtime.PartialShape([-1, *shape]) for place, shape in enumerate(shapes)})
        return model
    except Exception as error:
        raise _failure("OpenVINO", error, program) from error


def _divide_by_window(program: ExportedProgram) -> None:
    """Write an average with a divisor of its own as the mean over the window, times a number.

    The exporters know no such divisor: OpenVINO's says so, and torch's to ONNX leaves it out without a word.
    """
    for node in list(program.graph.nodes):
        if node.target is not torch.ops.aten.avg_pool2d.default:
            continue
        if len(node.args) < _POOL_ARGUMENTS or (divisor := node.args[-1]) is None:
            continue
        images, kernel, stride, padding, ceil = node.args[:5]
        if ceil:
            raise UnsupportedOpError("no other runtime has an average over windows that stand out, with a divisor of its own")
        node.args = (images, kernel, stride, padding, False, True)
        with program.graph.inserting_after(node):
            scaled = program.graph.call_function(torch.ops.aten.mul.Tensor, (node, math.prod(kernel) / divisor))
        scaled.meta.update(node.meta)
        node.replace_all_uses_with(scaled, delete_user_cb=lambda user, scaled=scaled: user is not scaled)
    program.graph_module.recompile()


@contextmanager
def _without_logs_of(module: str) -> Iterator[None]:
    """Within, the root logger drops what one module of a library says: OpenVINO's warns, with tracebacks, of ops that torch renamed."""

    def other(record: logging.LogRecord) -> bool:
        return record.module != module

    logging.getLogger().addFilter(other)
    try:
        yield
    finally:
        logging.getLogger().removeFilter(other)


def _failure(runtime: str, error: Exception, program: ExportedProgram) -> ConvatlasError:
    """The error for a conversion that failed: names the op that has no counterpart and the layer that calls it."""
    told: BaseException | None = error
    while told is not None:
        for op in _OP.findall(str(told)):
            if (layer := _layer_of(program, op)) is not None:
                where = f"of {layer}" if layer else "that the network calls itself"
                return UnsupportedOpError(
                    f"{runtime} cannot express aten.{op} {where}; write a .pt2 file, which holds every op of torch, "
                    "or put other ops in its place"
                )
        told = told.__cause__
    return ConvatlasError(f"the conversion to {runtime} fails: {_first_line(error)}")


def _layer_of(program: ExportedProgram, op: str) -> str | None:
    """The path of the first layer that calls an op; "" is the network itself, None where nothing does."""
    for node in program.graph.nodes:
        if node.op == "call_function" and getattr(node.target, "__name__", "").partition(".")[0] == op:
            stack = list(node.meta.get("nn_module_stack", {}).values())
            return str(stack[-1][0]) if stack else ""
    return None


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__
