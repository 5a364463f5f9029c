"""Where the costs lie, in words."""

from __future__ import annotations

from convatlas.analysis.cost import GroupCost
from convatlas.analysis.shares import in_words, percent
from convatlas.catalogue import lookup


def group(name: str, params: int = 0, macs: int = 0, activation_bytes: int = 0) -> GroupCost:
    return GroupCost(name, 1, params, macs, 0, activation_bytes, 0, 0, ())


def test_the_notes_sentence_about_alexnet_and_vgg() -> None:
    # "convolutions are most of the memory and the compute, the fully connected layers most of the parameters"
    assert in_words(lookup("alexnet").cost.ops) == (
        "Convolutions hold 82 % of the activation memory and 92 % of the MACs; linear layers 96 % of the parameters."
    )
    assert in_words(lookup("vgg16").cost.ops) == (
        "Convolutions hold 90 % of the activation memory and over 99 % of the MACs; linear layers 89 % of the parameters."
    )


def test_kinds_are_named_until_four_fifths_are_covered() -> None:
    ops = [group("conv2d", activation_bytes=50), group("batch_norm", activation_bytes=35), group("relu", activation_bytes=15)]
    assert in_words(ops) == "Convolutions hold 50 % of the activation memory; batch norms 35 % of the activation memory."


def test_ops_of_one_kind_count_together() -> None:
    ops = [group("max_pool2d", activation_bytes=45), group("avg_pool2d", activation_bytes=45), group("add", activation_bytes=10)]
    assert in_words(ops) == "Poolings hold 90 % of the activation memory."


def test_only_everything_is_all() -> None:
    assert [percent(share) for share in (1, 0.9999, 0.99, 0.5)] == ["all", "over 99 %", "99 %", "50 %"]


def test_a_network_without_costs_has_a_sentence_too() -> None:
    assert in_words([]) == "It holds no parameters, no activations and no MACs."


def test_an_op_that_is_its_own_kind_is_one_thing() -> None:
    assert in_words([group("bilinear", params=1)]) == "Bilinear holds all of the parameters."
