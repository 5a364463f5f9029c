"""A network in a file that ``torch.jit.save`` wrote: a program, in TorchScript's own language.

torch reads its pickles in C++, and makes nothing but TorchScript's own values of them: no Python runs that the file brings. What does
run is its code, some of it while it is loaded (``__setstate__``). That can compute, and has two functions that reach files, so a
file that calls one of them is refused. It is a program still, as a ``file.py`` is: taken as the network that a person names, and
never as weights or data.
"""

from __future__ import annotations

import re
import warnings
import zipfile
from pathlib import Path

import torch
from torch import nn

from ..errors import ConvatlasError

_REACHES_FILES = re.compile(r"\b(?:torch|ops\s*\.\s*aten)\s*\.\s*(save|from_file)\b")


def from_torchscript(path: str) -> nn.Module:
    """The network in a TorchScript file, on the CPU.

    Raises:
        ConvatlasError: the file holds no TorchScript, does not load, or its code writes or maps files.

    """
    for code in _code_in(path):
        if reaching := _REACHES_FILES.search(code):
            raise ConvatlasError(f"{path}: its code calls torch.{reaching[1]}, which reaches files, so it is not run")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that TorchScript is going is told to those who write it
            network: nn.Module = torch.jit.load(path, map_location="cpu")  # type: ignore[no-untyped-call]
            return network
    except (RuntimeError, ValueError) as error:
        raise ConvatlasError(f"{path} does not load: {str(error).strip().splitlines()[-1]}") from error


def _code_in(path: str) -> list[str]:
    """The program's text.

    Raises:
        ConvatlasError: there is none.

    """
    if not Path(path).is_file():
        raise ConvatlasError(f"{path}: there is no such file")
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            code = [name for name in names if "/code/" in name and name.endswith(".py")]
            if any(name.endswith("/constants.pkl") for name in names) and code:
                return [archive.read(name).decode() for name in code]
    except (zipfile.BadZipFile, OSError, UnicodeDecodeError, NotImplementedError):
        pass
    held = (
        "weights or a pickled network"
        if Path(path).suffix in (".pt", ".pth", ".ckpt", ".bin", ".safetensors")
        else "something else"
    )
    raise ConvatlasError(
        f"{path} holds no program of TorchScript (torch.jit.save) but {held}; name the class or function that makes the network, "
        "as my_net.py:Net"
    )
