"""What a rule is: it makes an op of ours from a call of an ATen op, or the op and its inputs where it takes others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import torch

from ....graph.ops import Op
from ..calls import Call
from ..names import Name

Made: TypeAlias = "Op | tuple[Op, Sequence[torch.Tensor | Name]]"


Rule: TypeAlias = Callable[[Call], Made]


def plain(op: Op) -> Rule:
    """The same op for every call, on all of its tensors."""
    return lambda call: op
