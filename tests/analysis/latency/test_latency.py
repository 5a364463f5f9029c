"""Predicted time: physical whatever the network, and added up without loss."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import convatlas as ca
from convatlas.analysis.latency import inversions, launches, prepared, ranking, shares
from convatlas.analysis.latency import latency as predict
from convatlas.api.latency import inference
from convatlas.devices.conditions import Conditions
from convatlas.devices.cuda.rates import cached_seconds
from convatlas.devices.profile import list_profiles, shipped
from convatlas.graph import Graph, TensorSpec
from convatlas.graph.batch import batched
from convatlas.graph.ops import Activation, AdaptiveAvgPool, BatchNorm, Binary, Conv, Linear, View

PROFILES = list_profiles()
NETWORKS = ("alexnet", "vgg16", "resnet50", "mobilenet_v2", "densenet121", "convnext_tiny")


def chain(draw: st.DataObject, batch: int) -> Graph:
    """A random convolutional network: convolutions of any grouping, norms, activations, residuals, a head."""
    graph = Graph("random")
    size, channels = draw.draw(st.sampled_from([7, 14, 28, 56])), draw.draw(st.sampled_from([3, 16, 24, 64]))
    value = graph.add_input(TensorSpec((batch, channels, size, size)))
    for place in range(draw.draw(st.integers(1, 5))):
        match draw.draw(st.sampled_from(["conv", "depthwise", "norm", "activation", "residual"])):
            case "norm":
                value = graph.add_node(
                    BatchNorm(), value, *(graph.add_parameter(f"{place}.{n}", TensorSpec((channels,))) for n in "wbmv")
                )
            case "activation":
                value = graph.add_node(Activation(draw.draw(st.sampled_from(["relu", "gelu", "silu"]))), value)
            case "residual":
                value = graph.add_node(Binary("add"), value, value)
            case kind:
                taps, stride = draw.draw(st.sampled_from([1, 3, 5, 7])), draw.draw(st.sampled_from([1, 2]))
                filters, groups = (channels, channels) if kind == "depthwise" else (draw.draw(st.sampled_from([8, 32, 60, 256])), 1)
                weight = graph.add_parameter(f"{place}.weight", TensorSpec((filters, channels // groups, taps, taps)))
                value = graph.add_node(Conv((stride, stride), ((taps // 2, taps // 2),) * 2, (1, 1), groups), value, weight)
                channels = filters
    pooled = graph.add_node(View((-1, channels)), graph.add_node(AdaptiveAvgPool((1, 1)), value))
    graph.outputs = [graph.add_node(Linear(), pooled, graph.add_parameter("head", TensorSpec((10, channels))))]
    return graph


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_doubling_the_batch_never_lowers_a_time(data: st.DataObject) -> None:
    profile = shipped(data.draw(st.sampled_from(PROFILES)))
    graph = chain(data, data.draw(st.sampled_from([1, 3, 8, 64])))
    once, twice = (predict(each, profile, profile.conditions).milliseconds for each in (graph, batched(graph, 2)))
    assert twice >= once * (1 - 1e-9)


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_removing_an_op_never_raises_a_time(data: st.DataObject) -> None:
    profile = shipped(data.draw(st.sampled_from(PROFILES)))
    graph = chain(data, 16)
    removable = [place for place, node in enumerate(graph.nodes) if isinstance(node.op, Activation | BatchNorm)]
    if not removable:
        return
    place = data.draw(st.sampled_from(removable))
    gone = graph.nodes[place]
    rest = [
        node._replace(inputs=tuple(gone.inputs[0] if value == gone.outputs[0] else value for value in node.inputs))
        for node in graph.nodes[:place] + graph.nodes[place + 1 :]
    ]
    whole, less = (predict(each, profile, profile.conditions).milliseconds for each in (graph, replace(graph, nodes=rest)))
    assert less <= whole * (1 + 1e-9)


@pytest.mark.parametrize("name", PROFILES)
def test_no_kernel_is_more_than_10_percent_below_what_the_datasheet_allows(name: str) -> None:
    profile = shipped(name)
    card = profile.card
    assert all(value >= 0 for value in profile.coefficients.values())
    for network in NETWORKS:
        ready = prepared(ca.trace(network, (8, 3, 224, 224)), profile.conditions.precision)
        for kernel, _ in launches(ready, profile.conditions):
            allowed = max(2 * kernel.macs / card.peak(kernel.dtype), cached_seconds(kernel.bytes_moved, card))
            assert kernel.seconds(profile) >= 0.9 * allowed * (1 - 1e-9), (network, kernel)


def test_layers_kernels_stages_and_bounds_add_up_to_the_whole() -> None:
    found = ca.latency("resnet50", (64, 3, 224, 224), device="rtx3090")
    once = found.call_milliseconds
    assert sum(each.milliseconds for each in found.kernels) + once == pytest.approx(found.milliseconds)
    for rows in (found.layers, found.by_stage(), found.by_op()):
        assert sum(row.milliseconds for row in rows) + once == pytest.approx(found.milliseconds)
    assert sum(found.bound.values()) == pytest.approx(1)
    assert sum(layer.macs for layer in found.layers) == ca.cost("resnet50", (64, 3, 224, 224)).macs
    assert found.images_per_second == pytest.approx(64e3 / found.milliseconds)
    assert found.interval[0] < found.milliseconds < found.interval[1]


def test_a_depthwise_network_is_bound_by_memory_and_vgg_by_computing() -> None:
    bounds = {name: ca.latency(name, (128, 3, 224, 224), device="rtx3090").bound for name in ("mobilenet_v2", "vgg16")}
    assert bounds["mobilenet_v2"]["memory"] > 0.7
    assert bounds["vgg16"]["compute"] > 0.7


def test_a_device_without_a_profile_says_how_to_go_on() -> None:
    with pytest.raises(ca.ConvatlasError, match=r"unknown device 'rtx4089': did you mean rtx4090"):
        ca.latency("alexnet", device="rtx4089")
    with pytest.raises(
        ca.ConvatlasError, match=r"rtx5090 has a datasheet but no profile: .* --like pro6000maxq \(there are .*rtx3090"
    ):
        ca.latency("alexnet", device="rtx5090")


def test_a_training_step_is_never_predicted_by_timings_of_inference() -> None:
    with pytest.raises(ca.ConvatlasError, match="rtx4090 has no profile of a training step; take that of rtx3090 with --like"):
        ca.latency("alexnet", device="rtx4090", training=True)
    like = ca.latency("resnet50", (64, 3, 224, 224), device="rtx4090", training=True, like="rtx3090")
    inference = ca.latency("resnet50", (64, 3, 224, 224), device="rtx4090")
    assert like.milliseconds > 2 * inference.milliseconds


def test_a_card_without_timings_is_predicted_at_its_own_rates() -> None:
    slow, fast = (ca.latency("vgg16", (64, 3, 224, 224), device=name, like="rtx3090") for name in ("t4", "h100"))
    own = ca.latency("vgg16", (64, 3, 224, 224), device="rtx3090")
    assert fast.milliseconds < own.milliseconds < slow.milliseconds
    wide, narrow = (each.interval[1] / each.interval[0] for each in (slow, own))
    assert wide > narrow


def test_an_anchor_predicts_itself_and_moves_the_others() -> None:
    free = ca.latency("vgg16", (64, 3, 224, 224), device="rtx5090", like="rtx3090")
    at_half = {"resnet50": ca.latency("resnet50", (64, 3, 224, 224), device="rtx5090", like="rtx3090").images_per_second / 2}  # type: ignore[operator]
    anchored = ca.latency("vgg16", (64, 3, 224, 224), device="rtx5090", like="rtx3090", anchors=at_half)
    assert anchored.milliseconds == pytest.approx(2 * free.milliseconds, rel=0.05)  # it may be the network's own oddity in part


def test_other_conditions_than_the_profiles_are_noted_and_less_sure() -> None:
    asked = Conditions(precision="fp32", layout="nhwc")
    profile = shipped("rtx3090-amp-nchw-torch2.4")
    found = predict(ca.trace("alexnet"), profile, asked)
    assert "fitted under other conditions: precision amp, layout nchw" in found.notes[0]


def test_unknown_conditions_are_refused() -> None:
    with pytest.raises(ca.ConvatlasError, match="unknown precision 'fp8': choose fp32"):
        ca.latency("alexnet", precision="fp8")


def test_few_macs_and_much_time_is_told_with_its_reason() -> None:
    names = ("resnet50", "densenet121", "mobilenet_v2")
    found = {name: ca.latency(name, (128, 3, 224, 224), device="rtx3090") for name in names}
    (pair,) = inversions(found)
    assert (pair.slower, pair.faster) == ("densenet121", "resnet50")
    assert pair.macs_ratio < 1 < pair.time_ratio
    assert "densenet121 takes" in str(pair)
    assert "of its time is bound by memory; convolution " in str(pair)


@pytest.mark.parametrize("name", ["densenet121", "convnext_tiny", "googlenet"])
@pytest.mark.parametrize("precision", ["amp", "fp32"])
def test_a_larger_batch_by_shapes_alone_is_the_network_traced_at_it(name: str, precision: str) -> None:
    conditions = Conditions(precision=precision)
    profile = shipped("rtx4090-amp-nchw-torch2.9")
    one, sixteen = ca.trace(name), ca.trace(name, (16, 3, 224, 224))
    grown, traced = predict(one, profile, conditions, times=16), predict(sixteen, profile, conditions)
    assert [each.kernel for each in grown.kernels] == [each.kernel for each in traced.kernels]
    by_node = grown.by_node(one)
    assert sum(by_node) == pytest.approx(grown.milliseconds - grown.call_milliseconds)
    assert all(time > 0 for node, time in zip(one.nodes, by_node, strict=True) if node.op.multiplies)


def test_a_ranking_counts_pairs_that_macs_put_the_wrong_way_round() -> None:
    found = {name: inference(ca.trace(name), "rtx3090") for name in ("resnet50", "densenet121", "mobilenet_v2", "alexnet")}
    ranked = ranking(found)
    assert (ranked.networks, ranked.pairs) == (4, 6)
    assert ranked.inverted == 2  # mobilenet_v2 is slower than alexnet, densenet121 than resnet50
    assert ranked.surely_inverted <= ranked.inverted
    assert {(pair.slower, pair.faster) for pair in ranked.inversions} == {("mobilenet_v2", "alexnet"), ("densenet121", "resnet50")}
    assert ranked.macs_correlation == pytest.approx(0.6)  # by MACs 3, 2, 0, 1; by time 2, 3, 1, 0: 1 - 6 (1 + 1 + 1 + 1) / (4 * 15)
    assert list(ranked.depthwise) == ["mobilenet_v2"]
    assert ranked.depthwise["mobilenet_v2"].time_share > 2 * ranked.depthwise["mobilenet_v2"].macs_share


def test_shares_of_the_kinds_of_kernels_add_up() -> None:
    found = inference(ca.trace("googlenet"), "rtx4090")
    assert sum(each.macs_share for each in shares(found)) == pytest.approx(1.0)
    assert sum(each.time_share for each in shares(found)) == pytest.approx(1 - found.call_milliseconds / found.milliseconds)


def test_a_single_network_has_no_rank_correlation() -> None:
    ranked = ranking({"alexnet": inference(ca.trace("alexnet"), "rtx4090")})
    assert (ranked.pairs, ranked.macs_correlation, ranked.inversions) == (0, None, [])
