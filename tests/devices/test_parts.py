"""From card to card: parts of a time add up to it, move by the rates that they follow, and keep to the datasheet."""

from __future__ import annotations

import pytest

import convatlas as ca
from convatlas.analysis.latency import launches, prepared
from convatlas.api.latency import transferred
from convatlas.devices.anchors import factors
from convatlas.devices.card import card, list_cards
from convatlas.devices.cuda.rates import cached_seconds
from convatlas.devices.kernel import Kernel
from convatlas.devices.parts import ONES, Parts, parts_of, scaled, speedups
from convatlas.devices.profile import LEAST_SHARE, shipped
from convatlas.devices.sustained import sustained_clock, sustained_product_flops

PROFILE = shipped("rtx4090-amp-nchw-torch2.9")


def kernels() -> set[Kernel]:
    graph = prepared(ca.trace("mobilenet_v2", (64, 3, 224, 224)), "amp")
    return {launch.kernel for launch in launches(graph, PROFILE.conditions)}


def test_a_kernels_parts_add_up_to_its_time_and_unscaled_ones_change_nothing() -> None:
    same = scaled(PROFILE, ONES, card=PROFILE.card, name="same", interval={})
    for kernel in kernels():
        assert sum(parts_of(PROFILE, kernel)) == pytest.approx(kernel.seconds(PROFILE))
        assert kernel.seconds(same) == pytest.approx(kernel.seconds(PROFILE))


@pytest.mark.parametrize("name", [name for name in list_cards() if card(name).flops])
def test_on_no_card_is_a_kernel_faster_than_its_datasheet_allows(name: str) -> None:
    moved, sheet = transferred(PROFILE, card(name)), card(name)
    for kernel in kernels():
        allowed = max(2 * kernel.macs / sheet.peak(kernel.dtype), cached_seconds(kernel.bytes_moved, sheet))
        assert kernel.seconds(moved) >= LEAST_SHARE * allowed * (1 - 1e-9)


def test_a_cards_power_holds_its_clock_and_its_products_or_lowers_them() -> None:
    full, short = card("rtx5090"), card("pro6000maxq")  # 3.4 and 1.6 watts for each multiprocessor of the same chip
    assert sustained_clock(full) == full.clock_hz
    assert sustained_clock(short) == pytest.approx(1.93e9, rel=0.01)
    assert sustained_product_flops(full) == full.peak("float16")
    assert sustained_product_flops(short) == pytest.approx(300 * 0.678e12, rel=0.001)  # half of its tensor cores' peak
    assert sustained_product_flops(card("h100")) == pytest.approx(794.5e12)


def test_moving_there_and_back_changes_nothing_and_the_host_stays() -> None:
    there, back = speedups(card("t4"), card("a100")), speedups(card("a100"), card("t4"))
    assert there.times(back) == pytest.approx(ONES)
    assert there.fixed == 1


def test_anchors_that_agree_scale_all_and_one_odd_network_little() -> None:
    memory, products = Parts(memory=1.0, cache=0.3), Parts(memory=0.2, product=1.0)
    assert factors([memory, products], [1.3, 1.2]) == pytest.approx(ONES)
    assert factors([memory, products], [2.6, 2.4]) == pytest.approx([2.0] * 5, rel=0.05)
    slower = factors([memory, products], [1.3, 1.8])
    assert slower.product > slower.cache > 0.95
    assert slower.product > 1.1
