"""A network as torch.export's program in a .pt2 file."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import torch
from torch import Tensor
from torch.export import ExportedProgram

from ..runtime.convert import forget
from .card import Card
from .pt2_checked import CARD, read_pt2
from .reading import Opened


def write(program: ExportedProgram, card: Card, path: Path) -> None:
    """Write the program, without what torch would pickle (sample inputs) or evaluate (checks that inputs have one batch)."""
    forget(program, "nn_module_stack", "source_fn_stack", "torch_fn")  # names of the user's classes
    program.example_inputs, program._guards_code = None, []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.export.save(program, path, extra_files={CARD: json.dumps(card.to_strings(), ensure_ascii=False)})


def read(path: Path) -> Opened:
    """The network in a .pt2 file; see `read_pt2`."""
    program, texts = read_pt2(path)
    card = Card.from_strings(texts, str(path))
    module = program.module()

    @torch.inference_mode()
    def run(*inputs: Tensor) -> list[Tensor]:
        found = module(*inputs)
        return [value for value in torch.utils._pytree.tree_leaves(found) if isinstance(value, Tensor)]

    return Opened(path, card, card.sizes, run)
