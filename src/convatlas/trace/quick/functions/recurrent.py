"""Rules for recurrent layers and their single steps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ....graph.ops import Gru, Lstm, Rnn
from .registry import given, register

if TYPE_CHECKING:
    from ..tracer import Tracer


def _layers(name: str, op: type[Lstm | Gru | Rnn], **settings: Any) -> None:
    def rule(t: Tracer, x: Any, *rest: Any) -> Any:
        if len(rest) == 8:
            states, weights, biases, layers, dropout, training, bidirectional, batch_first = rest
            sizes = None
        else:  # a packed sequence: its rows, and how many samples each step has
            sizes, states, weights, biases, layers, dropout, training, bidirectional = rest
            batch_first = False
        made = op(layers, bidirectional, biases, batch_first, dropout if training else 0.0, sizes is not None, **settings)
        states = states if isinstance(states, list | tuple) else (states,)
        return t.emit_many(made, x, *states, *given(sizes), *weights)

    register(rule, name)


def _cell(name: str, op: type[Lstm | Gru | Rnn], **settings: Any) -> None:
    def rule(t: Tracer, x: Any, states: Any, *weights: Any) -> Any:
        tensors = given(*weights)
        states = states if isinstance(states, list | tuple) else (states,)
        outputs = t.emit_many(op(biases=len(tensors) > 2, cell=True, **settings), x, *states, *tensors)
        return outputs if op is Lstm else outputs[0]

    register(rule, name)


_layers("lstm", Lstm)
_layers("gru", Gru)
_cell("lstm_cell", Lstm)
_cell("gru_cell", Gru)
for _function in ("tanh", "relu"):
    _layers(f"rnn_{_function}", Rnn, function=_function)
    _cell(f"rnn_{_function}_cell", Rnn, function=_function)
