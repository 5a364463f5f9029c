"""A process that has run networks by OpenVINO still takes signals."""

from __future__ import annotations

import subprocess
import sys

CODE = """
import signal
from torch import nn
from convatlas.runtime.convert import exported_program, openvino_model
from convatlas.runtime.openvino_cpu import CompiledModel

model = openvino_model(exported_program(nn.Conv2d(3, 4, 3), (3, 8, 8)), (3, 8, 8))
earlier, later = CompiledModel(model, "f32"), CompiledModel(model, "f32")
del earlier, later
signal.signal(signal.SIGUSR1, lambda *_: print("handled"))
signal.raise_signal(signal.SIGUSR1)
"""


def test_a_signal_is_handled_after_the_earlier_of_two_models_ended_first() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "handled\n"), done.stderr
