"""What an op of one's own costs: see ``convatlas.register_op``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ...errors import ConvatlasError
from ..spec import TensorSpec
from .base import Specs
from .stated import Custom, plain


@dataclass(frozen=True, kw_only=True)
class OpCost:
    """What one call of an op costs, as a rule for `register_op` tells it.

    The rule gets the call's own arguments, with a `TensorSpec` in place of each tensor.

    Attributes:
        macs: multiply-accumulates of the forward pass.
        output: the spec of the result, or several; None where torch can tell: a registered fake kernel, a module's own forward.
        backward_macs: of the whole backward pass; None is one forward's worth for each floating input of two axes or more that needs
            a gradient.
        elementwise: element-wise operations of the forward pass.
        bytes_read: None is each input once.
        bytes_written: None is each output once.
        saved: what is kept for the backward pass: of the specs that the rule got and of those in ``output`` the very objects, of a
            module its parameters; any other spec is a tensor made for it. None is all floating inputs.

    """

    macs: int
    output: TensorSpec | Sequence[TensorSpec] | None = None
    backward_macs: int | None = None
    elementwise: int = 0
    bytes_read: int | None = None
    bytes_written: int | None = None
    saved: Sequence[object] | None = None

    @property
    def outputs(self) -> tuple[TensorSpec, ...] | None:
        """All specs of the result."""
        return (self.output,) if isinstance(self.output, TensorSpec) else None if self.output is None else tuple(self.output)

    def op(self, function: str, inputs: Sequence[TensorSpec], names: Sequence[object], outputs: Specs) -> Custom:
        """The op of a call.

        Args:
            function: its name.
            inputs: of all tensors that it gets.
            names: what stands for each of them in ``saved``.
            outputs: of all that it makes.

        Raises:
            ConvatlasError: a figure is no whole number, or what is saved is no tensor of the call nor a spec.

        """
        for name in ("macs", "backward_macs", "elementwise", "bytes_read", "bytes_written"):
            figure = getattr(self, name)
            if not (figure is None and name not in ("macs", "elementwise")) and not (type(figure) is int and figure >= 0):
                raise ConvatlasError(f"OpCost's `{name}` is a whole number of at least 0; got {figure!r:.80}")
        if self.saved is None:
            kept = [place for place, spec in enumerate(inputs) if spec.is_floating]
            return self._made(function, outputs, kept, [], [])
        places = {id(name): place for place, name in enumerate(names)}
        made = {id(spec): place for place, spec in enumerate(self.outputs or ())}
        known = places.keys() | made.keys()
        others = [item for item in self.saved if id(item) not in known]
        for item in others:
            if not isinstance(item, TensorSpec):
                raise ConvatlasError(f"OpCost's `saved` holds specs of the call, or further ones; got {item!r:.80}")
        kept, results = ([where[id(item)] for item in self.saved if id(item) in where] for where in (places, made))
        return self._made(function, outputs, kept, results, others)

    def _made(self, function: str, outputs: Specs, kept: list[int], results: list[int], others: Sequence[Any]) -> Custom:
        return Custom(
            function,
            plain(outputs),
            self.macs,
            self.backward_macs,
            self.elementwise,
            self.bytes_read,
            self.bytes_written,
            tuple(kept),
            tuple(results),
            plain(others),
        )
