"""The chart of throughput: a panel a network, rates by hand, both files."""

from __future__ import annotations

from dataclasses import replace

from convatlas.report.throughput import draw_throughput, throughput, throughput_rows
from convatlas.runtime.bench import Measured
from convatlas.runtime.host import Host

EAGER = Measured(
    network="a", runtime="eager", shape=(4, 3, 8, 8), dtype="float32", milliseconds=2.0, low_milliseconds=1.0, high_milliseconds=4.0,
    samples=3, other_cores=0.0, gflops_per_second=1.0, peak_gflops_per_second=2.0, bandwidth_gb_per_second=1.0,
    host=Host("here", "A CPU", "AVX512", 2, {}),
)  # fmt: skip


def test_rates_are_images_over_seconds_and_the_fast_quartile_is_the_high_rate() -> None:
    (row,) = throughput_rows([EAGER])
    assert (row["rate"], row["low_rate"], row["high_rate"], row["input"]) == (2000, 1000, 4000, "3x8x8")


def test_each_network_has_its_panel_and_a_runtime_one_colour_in_all() -> None:
    made = throughput([EAGER, replace(EAGER, runtime="bf16"), replace(EAGER, network="b", runtime="bf16")]).to_dict()
    assert [panel["title"]["text"] for panel in made["vconcat"]] == ["a, input 3x8x8", "b, input 3x8x8"]
    colours = [panel["layer"][0]["encoding"]["color"]["scale"]["domain"] for panel in made["vconcat"]]
    assert colours == [["eager", "bf16"]] * 2


def test_a_busy_machine_is_told() -> None:
    assert "others used the machine" in throughput([replace(EAGER, other_cores=1.0)]).to_dict()["title"]["subtitle"]
    assert "others used" not in throughput([EAGER]).to_dict()["title"]["subtitle"]


def test_it_is_drawn_as_svg_and_png() -> None:
    assert draw_throughput([EAGER], "svg").startswith(b"<svg")
    assert draw_throughput([EAGER], "png").startswith(b"\x89PNG")
