"""What forward gets besides one image: several tensors, other dtypes, lists, and values that are no tensors."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from convatlas import ConvatlasError, Inputs, TensorSpec, cost, max_batch, trace, training_memory
from convatlas.devices.cpu import Cpu
from convatlas.graph import Graph


class Noisy(nn.Module):
    """Takes an image, tokens, a list of maps with holes, a mapping, a number and a word."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding=1)
        self.embedding = nn.Embedding(100, 8)

    def forward(
        self,
        image: Tensor,
        tokens: Tensor,
        maps: list[Tensor | None],
        extra: dict[str, Tensor],
        scale: int = 1,
        mode: str = "nearest",
    ) -> Tensor:
        x = self.conv(image) + self.embedding(tokens).mean(1)[:, :, None, None]
        for other in maps:
            x = x if other is None else x + other
        x = x + extra["bias"]
        return nn.functional.interpolate(x, scale_factor=scale, mode=mode)


def noisy(batch: tuple[int, ...] = (1,)) -> Inputs:
    return Inputs(
        (*batch, 3, 16, 16),
        TensorSpec((*batch, 5), "int64"),
        [None, (*batch, 8, 16, 16)],
        extra={"bias": torch.ones(*batch, 8, 16, 16, dtype=torch.float16)},
        scale=2,
        mode="bilinear",
    )


def shapes(graph: Graph) -> list[TensorSpec]:
    return graph.specs(graph.inputs)


def test_tensors_are_followed_and_everything_else_is_passed_on() -> None:
    graph = trace(Noisy(), noisy())
    assert shapes(graph) == [
        TensorSpec((1, 3, 16, 16)),
        TensorSpec((1, 5), "int64"),
        TensorSpec((1, 8, 16, 16)),
        TensorSpec((1, 8, 16, 16), "float16"),
    ]
    assert graph.values[graph.outputs[0]].shape == (1, 8, 32, 32)
    assert not graph.uncounted


def test_inputs_are_taken_wherever_a_shape_is() -> None:
    network = Noisy()
    assert cost(network, noisy()).macs == 16 * 16 * 8 * 27
    assert training_memory(network, noisy((4,))).peak_bytes > 4 * 4 * 8 * 16 * 16
    beside = Cpu.overhead_bytes
    assert (
        max_batch(network, noisy(()), memory_bytes=beside + 2**22) > max_batch(network, noisy(()), memory_bytes=beside + 2**21) >= 1
    )


def test_a_batch_goes_before_every_tensors_axes_and_changes_where_it_is() -> None:
    sample = Inputs((3, 8, 8), TensorSpec((), "int64"), weights=(4,), scale=2)
    whole = sample.with_batch(5)
    assert whole == Inputs((5, 3, 8, 8), TensorSpec((5,), "int64"), weights=(5, 4), scale=2)
    assert whole.at_batch(7) == sample.with_batch(7)
    assert Inputs((2, 3, 8, 8), (9, 4)).at_batch(7) == Inputs((7, 3, 8, 8), (9, 4))


def test_a_list_of_numbers_is_a_shape_for_short_and_a_list_within_inputs() -> None:
    class Crop(nn.Module):
        def forward(self, x: Tensor, size: list[int]) -> Tensor:
            return x[..., : size[0], : size[1]]

    assert shapes(trace(nn.ReLU(), [2, 3])) == [TensorSpec((2, 3))]
    graph = trace(Crop(), Inputs((1, 3, 8, 8), [4, 5]))
    assert graph.values[graph.outputs[0]].shape == (1, 3, 4, 5)


def test_an_array_stands_for_its_shape_and_dtype_and_a_number_of_numpy_for_itself() -> None:
    class Scaled(nn.Module):
        def forward(self, x: Tensor, by: float) -> Tensor:
            return x * by

    graph = trace(Scaled(), Inputs(np.zeros((2, 3), np.int32), np.float32(2.0)))
    assert shapes(graph) == [TensorSpec((2, 3), "int32")]


@pytest.mark.parametrize("inputs", [Inputs((1, 0, 3)), Inputs(x=(1, -3)), Inputs([(1, 3), (0,)])])
def test_a_shape_without_elements_is_shown(inputs: Any) -> None:
    with pytest.raises(ConvatlasError, match="at least 1; got"):
        trace(nn.ReLU(), inputs)
    assert repr(inputs).startswith("Inputs(")


def test_a_graph_remembers_that_it_has_no_batch_axis() -> None:
    graph = trace(nn.Conv2d(3, 8, 3), (3, 16, 16))
    assert graph.batch == 3
    graph.batch_axis = False
    assert graph.batch is None
    assert Graph.from_json(graph.to_json()) == graph


def test_a_dtype_may_be_torchs_own_and_a_shape_a_list() -> None:
    tokens = TensorSpec([1, 10], torch.int64)  # type: ignore[arg-type]
    assert Inputs(tokens).specs() == [TensorSpec((1, 10), "int64")]


def test_an_unknown_dtype_of_a_spec_is_shown_with_those_that_are_known() -> None:
    with pytest.raises(ConvatlasError, match=r"dtype int65 cannot be an input; choose one of .*int64"):
        Inputs(TensorSpec((1, 10), "int65")).specs()


class Flagged(nn.Module):
    """As detectors' networks of training frameworks are called: with flags, holes, and what describes each image."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(6, 4)

    def forward(self, x: Tensor, mask: Tensor | None, summed: bool, by: float = 1.0, about: Any = None) -> Tensor:
        x = self.linear(x) * by
        x = x if mask is None else x * mask
        return x.sum() if summed else x


@pytest.mark.parametrize(
    "inputs",
    [
        [(2, 6), None, False],
        (torch.zeros(2, 6), (2, 4), False, 0.5, "a word"),
        {"x": (2, 6), "mask": None, "summed": False},
        {"x": [2, 6], "mask": (2, 4), "summed": False, "by": 2.0, "about": [{"flip": False, "scales": [0.5, 2.0]}, "name"]},
    ],
)
def test_for_short_everything_that_is_no_tensor_is_passed_on_too(inputs: Any) -> None:
    graph = trace(Flagged(), inputs)
    assert [spec.shape for spec in graph.specs(graph.outputs)] == [(2, 4)]


@pytest.mark.parametrize("inputs", [(1, 3, 224.0, 224.0), (None, 3, 224, 224), [(1, 3, 7.5)], {"x": (1, -3)}, (True, 3)])
def test_a_shape_with_an_axis_that_is_no_whole_number_is_shown(inputs: Any) -> None:
    with pytest.raises(ConvatlasError, match=r"every axis .* whole number of at least 1; got \("):
        trace(nn.ReLU(), inputs)


@pytest.mark.parametrize("inputs", ["3x224x224", None, 7, [None, False], ["a"], {}])
def test_what_holds_no_shape_at_all_is_refused(inputs: Any) -> None:
    with pytest.raises(ConvatlasError):
        trace(nn.ReLU(), Inputs.of(inputs))


def test_a_mapping_and_a_named_tuple_arrive_as_what_they_are() -> None:
    class Pair(NamedTuple):
        left: Any
        right: Any

    class Joined(nn.Module):
        def forward(self, pair: Pair, extra: OrderedDict[str, Tensor]) -> Tensor:
            extra.move_to_end("a")
            return torch.cat([pair.left, pair.right, *extra.values()], 1)

    given = Inputs(Pair((2, 3), TensorSpec((2, 4))), OrderedDict(a=(2, 1), b=(2, 2)))
    graph = trace(Joined(), given)
    assert graph.specs(graph.outputs) == [TensorSpec((2, 10))]
    assert list(given.args[1]) == ["a", "b"], "what forward does to its arguments must not change them for the next trace"  # type: ignore[call-overload]


def test_at_its_own_batch_a_tensor_keeps_its_values() -> None:
    tokens, mask = torch.tensor([[4, 2], [1, 0]]), torch.ones(5)
    same = Inputs(tokens, mask=mask).at_batch(2)
    assert same.args[0] is tokens
    assert same.kwargs["mask"] is mask
    assert Inputs(tokens, mask=mask).at_batch(3) == Inputs(TensorSpec((3, 2), "int64"), mask=mask)
    assert Inputs(tokens) != Inputs(tokens.clone())


class TextCnn(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.conv = nn.Embedding(50, 8), nn.Conv1d(8, 16, 3)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.conv(self.embedding(tokens).transpose(1, 2)).amax(2)


def test_a_bare_shape_that_is_looked_up_is_of_whole_numbers() -> None:
    graph = trace(TextCnn(), (2, 12))
    assert shapes(graph) == [TensorSpec((2, 12), "int64")]
    assert graph.specs(graph.outputs) == [TensorSpec((2, 16))]


class Translator(nn.Module):
    """An image, and two texts that go through one table; a mask that does not."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.words = nn.Conv2d(3, 8, 3), nn.Embedding(50, 8)

    def forward(self, image: Tensor, source: Tensor, mask: Tensor, target: Tensor) -> Tensor:
        seen = self.conv(image).mean((2, 3))
        return seen + (self.words(source) * mask[..., None]).sum(1) + self.words(target.flatten(1)).sum(1)


def test_of_several_bare_shapes_those_that_are_looked_up_are_of_whole_numbers() -> None:
    graph = trace(Translator(), [(2, 3, 8, 8), (2, 5), (2, 5), (2, 3, 4)])
    assert [spec.dtype for spec in shapes(graph)] == ["float32", "int64", "float32", "int64"]


def test_what_is_said_of_a_dtype_stays() -> None:
    said = "looks up whole numbers, got 2x12 float32; say the dtype, as `--input 10:int64`"
    with pytest.raises(ConvatlasError, match=said):
        trace(TextCnn(), TensorSpec((2, 12), "float32"))


def test_a_complex_network_reads_complex_numbers() -> None:
    network = nn.Sequential(nn.Linear(4, 2, dtype=torch.complex64))
    assert shapes(trace(network, (3, 4))) == [TensorSpec((3, 4), "complex64")]
    assert cost(network, (3, 4)).activation_bytes == network(torch.zeros(3, 4, dtype=torch.complex64)).nbytes


class Split(nn.Module):
    """An argument that has no name for the caller, and one that has no place."""

    def forward(self, x: Tensor, /, *, mask: Tensor, about: dict[str, Any] | None = None) -> Tensor:
        return x * mask


@pytest.mark.parametrize(
    "inputs",
    [
        Inputs((1, 4), mask=(1, 4)),
        {"x": (1, 4), "mask": (1, 4)},
        ((1, 4), {"mask": (1, 4), "about": {"a": 1}}),
    ],
)
def test_arguments_go_where_forward_takes_them(inputs: Any) -> None:
    graph = trace(Split(), inputs)
    assert [spec.shape for spec in graph.specs(graph.outputs)] == [(1, 4)]


def test_a_mapping_that_forward_takes_stays_one() -> None:
    class Named(nn.Module):
        def forward(self, x: Tensor, maps: dict[str, Tensor]) -> Tensor:
            return x + maps["x"]

    assert len(shapes(trace(Named(), [(1, 4), {"x": (1, 4)}]))) == 2


def test_the_input_is_shown_with_a_dtype_that_is_not_the_usual_one() -> None:
    with pytest.raises(ConvatlasError, match=r"the input was 3x5 complex64, scalar$"):
        trace(nn.Sequential(nn.Linear(4, 4, dtype=torch.complex64)), [(3, 5), TensorSpec(())])


def test_a_sparse_input_is_not_counted_as_if_it_were_dense() -> None:
    counted = cost(nn.Linear(4, 2), torch.eye(4).to_sparse())
    assert (counted.macs, list(counted.uncounted)) == (0, ["addmm"])


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors:UserWarning")
def test_a_nested_input_is_refused_with_the_way_out() -> None:
    nested = torch.nested.nested_tensor([torch.zeros(3, 4), torch.zeros(2, 4)])
    with pytest.raises(ConvatlasError, match="a nested tensor has no shape to trace; give a padded one"):
        cost(nn.Linear(4, 2), nested)


def test_the_largest_batch_takes_short_forms_of_a_sample() -> None:
    class Tagged(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.tags = nn.Conv2d(3, 8, 3), nn.Embedding(100, 8)

        def forward(self, image: Tensor, tags: Tensor) -> Tensor:
            return self.conv(image).mean((2, 3)) + self.tags(tags).mean(1)

    memory = Cpu.overhead_bytes + 2**22
    short, long = [(3, 16, 16), (5,)], Inputs((3, 16, 16), TensorSpec((5,), "int64"))
    assert max_batch(Tagged(), short, memory_bytes=memory) == max_batch(Tagged(), long, memory_bytes=memory)
