"""Where the memory, the parameters and the MACs of a network lie, in words."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import NamedTuple

from .cost import UNUSED, GroupCost

KINDS = {  # what each kind of layer is called -> the ops that make it
    "convolutions": ("conv*",),
    "deformable convolutions": ("deform_conv",),
    "linear layers": ("linear",),
    "recurrent layers": ("lstm*", "gru*", "rnn*"),
    "batch norms": ("batch_norm",),
    "other norms": ("*norm",),
    "poolings": ("*pool*",),
    "concatenations": ("concat", "stack"),
    "activation functions": ("*relu*", "*elu", "silu", "hard*", "*sigmoid", "tanh", "mish", "soft*"),
    "additions": ("add", "sub"),
    "multiplications": ("mul", "div", "pow", "square", "sqrt", "neg"),
    "copies": ("contiguous", "pad", "permute", "clone", "flip", "roll", "repeat*", "channel_shuffle"),
    "layers that this mode does not run": (UNUSED,),
}
QUANTITIES = {"activation_bytes": "activation memory", "macs": "MACs", "params": "parameters"}
_ENOUGH = 0.8  # kinds are named, largest first, until they have this much of a quantity
_WORTH_NAMING = 0.1


class Share(NamedTuple):
    """How much of a quantity one kind of layer holds."""

    kind: str
    quantity: str  # a key of `QUANTITIES`
    share: float  # 0 to 1


def kind_of(op: str) -> str:
    """What kind of layer an op makes: "convolutions" for conv2d; an op that is its own kind keeps its name."""
    return next((kind for kind, patterns in KINDS.items() if any(fnmatchcase(op, p) for p in patterns)), op)


def main_shares(ops: Iterable[GroupCost]) -> list[Share]:
    """The kinds of layer that hold most of each quantity, the largest first."""
    shares = []
    ops = list(ops)
    for quantity in QUANTITIES:
        held: dict[str, int] = {}
        for group in ops:
            kind = kind_of(group.name)
            held[kind] = held.get(kind, 0) + getattr(group, quantity)
        total = sum(held.values())
        named = 0.0
        for kind, amount in sorted(held.items(), key=lambda item: item[1], reverse=True):
            if not total or named >= _ENOUGH or amount < _WORTH_NAMING * total:
                break
            named += amount / total
            shares.append(Share(kind, quantity, amount / total))
    return shares


def in_words(ops: Iterable[GroupCost]) -> str:
    """As "Convolutions hold 82 % of the activation memory and 92 % of the MACs; linear layers 96 % of the parameters."."""
    by_kind: dict[str, list[str]] = {}
    for share in main_shares(ops):
        by_kind.setdefault(share.kind, []).append(f"{percent(share.share)} of the {QUANTITIES[share.quantity]}")
    if not by_kind:
        return "It holds no parameters, no activations and no MACs."
    clauses = [f"{kind} {_listed(held)}" for kind, held in by_kind.items()]
    first = next(iter(by_kind))
    verb = "hold" if first in KINDS else "holds"
    return "; ".join([clauses[0].replace(first, f"{first[0].upper()}{first[1:]} {verb}", 1), *clauses[1:]]) + "."


def percent(share: float) -> str:
    """A share from 0 to 1 as a whole percentage; only what is everything is "all"."""
    if share == 1:
        return "all"
    return "over 99 %" if share > 0.99 else f"{100 * share:.0f} %"


def _listed(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
