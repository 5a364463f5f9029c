"""Which activation checkpoint is at work: torch's own code is asked, by what it has set up around the checkpointed function."""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any

import torch
from torch.utils.checkpoint import CheckpointFunction, _checkpoint_hook

_REENTRANT: Any = CheckpointFunction.forward
_NO_HOOKS = (None, None)


class Checkpoints:
    """The checkpoints of a forward pass, numbered from 1."""

    def __init__(self) -> None:
        self._numbers: dict[int, int] = {}
        self._seen: list[Any] = []  # what tells a checkpoint: it lives, so that its id stays its own

    def at_work(self) -> tuple[int, bool]:
        """The number of the innermost checkpoint, 0 for none; and whether it runs without gradients, as the reentrant ones do."""
        if torch.is_grad_enabled():
            pack, _ = torch._C._autograd._top_saved_tensors_default_hooks(True) or _NO_HOOKS
            inside = getattr(pack, "__qualname__", "").startswith(_checkpoint_hook.__qualname__)
            return (self._number(pack), False) if inside else (0, False)
        context = _context(sys._getframe(1))
        return (0, False) if context is None else (self._number(context), True)

    def _number(self, of: Any) -> int:
        if id(of) not in self._numbers:
            self._numbers[id(of)] = len(self._numbers) + 1
            self._seen.append(of)
        return self._numbers[id(of)]


def _context(frame: FrameType | None) -> Any:
    """What autograd holds of the reentrant checkpoint in which a frame lies."""
    while frame is not None:
        if frame.f_code is _REENTRANT.__code__:
            return frame.f_locals["ctx"]
        frame = frame.f_back
    return None
