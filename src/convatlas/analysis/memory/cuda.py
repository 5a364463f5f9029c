"""Memory that a CUDA device takes: kernels' workspaces, and what the caching allocator reserves for the tensors."""

from __future__ import annotations

from ...graph.ops import Binary, Dropout, Loss, LocalResponseNorm, Prelu
from .cpu import GRADIENTS, OUTPUT, PLAIN_FORWARD, Script
from .plan import Step


class Cuda:
    """The device model of a CUDA GPU under torch's native caching allocator."""

    name = "cuda"

    def forward(self, step: Step) -> Script:
        """What happens in memory while an op runs forward."""
        if isinstance(step.node.op, LocalResponseNorm):
            x = step.inputs[0].nbytes
            return [x, -x, x, x, -x, OUTPUT]
        return PLAIN_FORWARD

    def backward(self, step: Step) -> Script:
        """What happens in memory while an op runs backward."""
        op, needs = step.node.op, step.needs
        wanted: Script = [GRADIENTS[i] for i, need in enumerate(needs) if need]
        if isinstance(op, Binary) and op.function in ("mul", "div"):
            full = step.outputs[0].nbytes
            script: Script = []
            for index, need in enumerate(needs):
                if need and step.inputs[index].shape != step.outputs[0].shape:
                    script += [full, GRADIENTS[index], -full]
                elif need:
                    script.append(GRADIENTS[index])
            return script
        if isinstance(op, Prelu | Loss):
            x = step.inputs[0].nbytes
            return [x, *wanted, -x]
        return wanted
