"""A training step as a graph, written by hand."""

from __future__ import annotations

from convatlas.graph import TensorSpec
from convatlas.graph.ops import Conv, Gradient, Linear, View
from convatlas.graph.training import BACKWARD, FORWARD, StepNode, TrainingGraph


def test_gradients_of_a_convolution_take_one_forward_each() -> None:
    x, weight, out = TensorSpec((2, 3, 8, 8)), TensorSpec((4, 3, 3, 3)), TensorSpec((2, 4, 6, 6))
    forward = 2 * 4 * 6 * 6 * 3 * 3 * 3
    for wanted, count in (((True, True), 2), ((False, True), 1)):
        gradient = Gradient(Conv(), (x, weight), (out,), wanted)
        assert gradient.output(out, x, weight) == tuple(spec for spec, want in zip((x, weight), wanted, strict=True) if want)
        assert gradient.macs([out, x, weight], []) == count * forward


def test_macs_of_a_step_by_phase() -> None:
    step = TrainingGraph()
    x, weight = step.add_value(TensorSpec((5, 3))), step.add_value(TensorSpec((7, 3)))
    out = step.add_value(TensorSpec((5, 7)))
    step.nodes.append(StepNode(Linear(), (x, weight), (out,), FORWARD, 0))
    grad = step.add_value(TensorSpec((5, 7)))
    made = step.add_value(TensorSpec((7, 3)))
    linear = Gradient(Linear(), (step.values[x], step.values[weight]), (step.values[out],), (False, True))
    step.nodes.append(StepNode(linear, (grad, x), (made,), BACKWARD, 0))
    step.gradients[weight] = made
    assert (step.macs(FORWARD), step.macs(BACKWARD)) == (5 * 7 * 3, 5 * 7 * 3)


def test_a_view_lies_in_its_bases_storage() -> None:
    step = TrainingGraph()
    base = step.add_value(TensorSpec((2, 6)))
    view = step.add_value(View((3, 4)).output(step.values[base]), step.storage[base])
    assert step.storage_bytes == [48]
    assert step.storage[view] == step.storage[base]
