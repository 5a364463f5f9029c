"""One trace at a time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext

import torch
from torch._C import _len_torch_function_stack
from torch.overrides import _pop_mode_temporarily
from torch.utils._python_dispatch import _disable_current_modes

_LOCK = threading.RLock()


@contextmanager
def alone() -> Iterator[None]:
    """While inside, no other thread traces, and no mode of the caller's watches torch's operations.

    A trace runs no operation that such a mode (FakeTensorMode, FlopCounterMode) could want to see, only makes its proxies.
    """
    with _LOCK, _disable_current_modes() if torch._C._len_torch_dispatch_stack() else nullcontext(), ExitStack() as stack:
        for _ in range(_len_torch_function_stack()):
            stack.enter_context(_pop_mode_temporarily())
        yield
