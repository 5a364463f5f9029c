"""The tensors in what forward passes return."""

from __future__ import annotations

import dataclasses
from collections import OrderedDict
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn
from torch.distributions import Categorical, Independent, Normal
from torch.nn.utils.rnn import pack_sequence

from convatlas.trace.results import result_tensors


@dataclasses.dataclass(slots=True)
class Detected:
    boxes: Tensor
    names: list[str]
    scores: Tensor | None = None


class Pair(NamedTuple):
    mean: Tensor
    rest: Any


class Cache:
    def __init__(self, *tensors: Tensor) -> None:
        self.keys, self.values, self.again, self.itself = tensors[0], tensors[1:], tensors[0], self


A, B, C = torch.zeros(1), torch.zeros(2), torch.zeros(3)


@pytest.mark.parametrize(
    ("result", "tensors"),
    [
        (A, [A]),
        ([A, A, (B, None, "word", 3.5)], [A, A, B]),
        (OrderedDict(a=[A], b={"c": (C, B)}), [A, C, B]),
        (Detected(A, ["cat"]), [A]),
        (Pair(A, Detected(B, [], C)), [A, B, C]),
        ({"x": A, "y": B}.values(), [A, B]),
        ((each for each in (A, B)), [A, B]),
        (Cache(A, B, C), [A, B, C]),
        ((A, Cache(A, B)), [A, A, B]),
        ((nn.Linear(2, 2), torch.relu, A), [A]),
        (None, []),
        (7, []),
    ],
)
def test_tensors_are_found_in_order_wherever_they_are(result: Any, tensors: list[Tensor]) -> None:
    assert list(map(id, result_tensors(result))) == list(map(id, tensors))


def test_a_distribution_holds_its_parameters_once() -> None:
    logits = torch.zeros(4, 5)
    assert [tensor.shape for tensor in result_tensors(Categorical(logits=logits, validate_args=False))] == [(4, 5)]
    normal = Independent(Normal(torch.zeros(4, 3), torch.ones(4, 3)), 1)
    assert [tensor.shape for tensor in result_tensors((normal, logits))] == [(4, 3), (4, 3), (4, 5)]


def test_a_packed_sequence_is_its_data_and_its_sizes() -> None:
    packed = pack_sequence([torch.zeros(3, 8), torch.zeros(2, 8)])
    assert [tensor.shape for tensor in result_tensors(packed)] == [(5, 8), (3,)]
