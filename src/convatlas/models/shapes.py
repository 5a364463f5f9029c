"""Inputs as they are typed: 3x224x224, or 1,3,224,224 with the batch axis; x=3x64x64; tokens=10:int64."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import ConvatlasError
from ..graph import TensorSpec
from ..graph.spec import ITEM_BYTES
from ..inputs import Inputs
from ..names import unknown_name

NO_BATCH = 0  # what `--batch none` is as a number
SCALAR = "scalar"
_FORM = re.compile(r"\s*(?:([^\W\d]\w*)\s*=)?\s*(scalar|[1-9]\d*(?:\s*[xX×,]\s*[1-9]\d*)*\s*,?)\s*(?::\s*(\w+))?\s*")
_ANY_FORM = (
    "3x224x224, or 1,3,224,224 with the batch axis; of several inputs each with the name of forward's argument, and with its dtype: "
    "--input x=3x64x64 --input tokens=10:int64"
)


@dataclass(frozen=True)
class TypedInput:
    """One input as it was typed.

    Attributes:
        text: the whole of it.
        name: of forward's argument; "" for the next in order.
        shape: its numbers.
        dtype: "" for the network's own.
        commas: written with commas, so the whole tensor where nothing is known of the network.

    """

    text: str
    name: str
    shape: tuple[int, ...]
    dtype: str
    commas: bool

    @property
    def may_be_image(self) -> bool:
        """Whether a convolution can read it: whole numbers are looked up first, so its axes say nothing of theirs."""
        return not self.dtype or TensorSpec((), self.dtype).is_floating


def parse_input(text: str, instead: str = _ANY_FORM) -> TypedInput:
    """What an input is, from what was typed.

    Args:
        text: as typed.
        instead: what to write, told where this is no shape.

    Raises:
        ConvatlasError: it is no shape, or the dtype is not known.

    """
    found = _FORM.fullmatch(text)
    if not found:
        raise ConvatlasError(f"`--input` (={text!r}) is no shape; write {instead}")
    name, shape, dtype = found.groups(default="")
    dtype = dtype.lower()
    if dtype and dtype not in ITEM_BYTES:
        raise unknown_name("dtype", dtype, ITEM_BYTES, f"there are {', '.join(ITEM_BYTES)}")
    return TypedInput(text, name, tuple(map(int, re.findall(r"\d+", shape))), dtype, "," in shape)


def parse_image(text: str) -> tuple[int, int, int]:
    """The size of an image, (C, H, W), from what was typed.

    Raises:
        ConvatlasError: it is no shape of three axes, or has a batch axis, a name or a dtype.

    """
    typed = parse_input(text, "an image without its batch, as 3x224x224")
    if len(typed.shape) != 3 or typed.name or typed.dtype or typed.commas:
        raise ConvatlasError(f"`--input` (={text}) is no image without its batch, as 3x224x224")
    channels, height, width = typed.shape
    return channels, height, width


def parse_inputs(texts: Sequence[str]) -> list[TypedInput]:
    """All inputs that were typed.

    Raises:
        ConvatlasError: one of them is none, or two have one name.

    """
    typed = [parse_input(text) for text in texts]
    names = [each.name for each in typed if each.name]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise ConvatlasError(f"`--input` names {twice} twice; give each argument of forward once")
    return typed


def inputs_of(
    typed: Sequence[TypedInput], batch: int | None, own_size: Sequence[int] | None, axes: int | None, usual_batch: int = 1
) -> Inputs:
    """What forward gets: what was typed, or one sample of the network's own size, with the batch axis.

    With `NO_BATCH` each shape is the tensor's. Else a shape of as many axes as a sample of the network has gets the batch axis put
    before it, and a longer one has it already. That is known of the first input alone; of others, and where the network does not
    tell, a shape with commas is the whole tensor's, one with x a sample's.

    Args:
        typed: may be empty.
        batch: None is what the first whole tensor says, else ``usual_batch``.
        own_size: of one sample.
        axes: that one sample has, by its own size or the first convolution; None where it is not known.
        usual_batch: where nothing says it.

    Raises:
        ConvatlasError: the batch is given twice.

    """
    given = typed or ([TypedInput("", "", tuple(own_size), "", False)] if own_size is not None else [])
    known = axes if own_size is not None or (given and given[0].may_be_image) else None
    whole = [
        batch != NO_BATCH and (each.commas if known is None or place else len(each.shape) > known)
        for place, each in enumerate(given)
    ]
    leading = next((each.shape[0] for each, is_whole in zip(given, whole, strict=True) if is_whole and each.shape), None)
    if batch and whole and whole[0] and batch != leading:
        raise ConvatlasError(f"`--input` (={given[0].text}) has a batch of {leading}, and `--batch` is {batch}; give one of them")
    before = () if batch == NO_BATCH else (batch or leading or usual_batch,)
    args: list[object] = []
    named: dict[str, object] = {}
    for each, is_whole in zip(given, whole, strict=True):
        shape = each.shape if is_whole else (*before, *each.shape)
        tensor = TensorSpec(shape, each.dtype) if each.dtype else shape
        if each.name:
            named[each.name] = tensor
        else:
            args.append(tensor)
    return Inputs(*args, **named)


def shown(shape: Sequence[float]) -> str:
    """As 3x224x224."""
    return "x".join(f"{number:g}" if isinstance(number, float) else str(number) for number in shape) or SCALAR
