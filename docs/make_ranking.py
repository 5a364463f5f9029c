"""Writes docs/ranking.md and its picture anew, from the zoo and the shipped profiles: python docs/make_ranking.py (half a minute)."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from statistics import median

import convatlas as ca
from convatlas.analysis.latency import Inversion, KindShare, Latency, Ranking, ranking, shares
from convatlas.api.latency import TIME_BATCH, inference
from convatlas.catalogue import lookup
from convatlas.report.ranking import draw_ranking

PAGE, PICTURE = (Path(__file__).with_name(f"ranking.{ending}") for ending in ("md", "svg"))
DEVICES = ("rtx4090", "rtx3090")
LEAST_SIDE = 200  # pixels: the networks whose inversions are listed read images of about one size
MOST_ROWS, MOST_OF_A_FAMILY = 20, 2

INTRODUCTION = f"""# Few MACs, much time

The lecture notes end on a warning: few FLOPs do not mean little time, because memory traffic decides, and depthwise convolutions are their
example. Here it is checked over every network of the zoo, each at its own size of images, at batch {TIME_BATCH}, under autocast, contiguous,
eager. The times are *predicted* (see [speed.md](speed.md) for how well), not measured.
`python docs/make_ranking.py` writes this page; `convatlas speed '*' --batch {TIME_BATCH} --rank` prints the same for any device.

![MACs and predicted time of every network of the zoo](ranking.svg)
"""


def found_on(device: str, graphs: dict[str, ca.Graph]) -> dict[str, Latency]:
    """Each network's predicted time."""
    return {name: inference(graph, device) for name, graph in graphs.items()}


def figures(ranks: dict[str, Ranking], found: dict[str, dict[str, Latency]]) -> list[str]:
    """How often, and how well MACs and bytes rank."""
    lines = [
        "## How often MACs mislead",
        "",
        "A pair is inverted where the network with fewer MACs is slower; surely, where the 90 % intervals of the two lie apart. Rank correlation",
        "(Spearman's) is with the predicted time; bytes are those that the kernels read and write. The two last columns look at networks with",
        "depthwise convolutions and at those without by themselves.",
        "",
        "| device | networks | pairs | inverted | surely | correlation: MACs | bytes moved | MACs, with depthwise | MACs, without |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for device, ranked in ranks.items():
        times = found[device]
        having = ranking({name: times[name] for name in ranked.depthwise})
        lacking = ranking({name: each for name, each in times.items() if name not in ranked.depthwise})
        lines.append(
            f"| {device} | {ranked.networks} | {ranked.pairs:,} | {ranked.inverted:,} ({ranked.inverted / ranked.pairs:.1%}) "
            f"| {ranked.surely_inverted:,} | {ranked.macs_correlation:.3f} | {ranked.bytes_correlation:.3f} "
            f"| {having.macs_correlation:.3f} ({having.networks}) | {lacking.macs_correlation:.3f} ({lacking.networks}) |"
        )
    return lines


def depthwise(ranks: dict[str, Ranking], found: dict[str, dict[str, Latency]]) -> list[str]:
    """The notes' example, computed."""
    lines = ["", "## Depthwise convolutions", ""]
    for device, ranked in ranks.items():
        those = ranked.depthwise
        more = sum(each.time_share > each.macs_share for each in those.values())
        without = median(sum(each.time_share for each in shares(found[device][name]) if not each.macs_share) for name in those)
        bound = median(found[device][name].bound["memory"] for name in those)
        lines.append(
            f"- {device}, by the profile {next(iter(found[device].values())).profile}: {len(those)} networks have them. In {more} their share of the time exceeds their share of the MACs; in the middle they "
            f"are {median(each.macs_share for each in those.values()):.1%} of the MACs and {median(each.time_share for each in those.values()):.1%} "
            f"of the time, and {bound:.0%} of such a network's time is bound by memory. The notes' "
            f"example is half of the story: kernels without any MACs (norms, activations, additions, casts, copies) take {without:.0%} of the time."
        )
    lines += [
        "",
        "| network | device | depthwise convolutions: of MACs | of time | what takes most of the time |",
        "| --- | --- | ---: | ---: | --- |",
    ]
    for device, ranked in ranks.items():
        first = {lookup(name).family: name for name in reversed(ranked.depthwise)}  # of each family that which tells the most
        for name, each in ranked.depthwise.items():
            if name in first.values():
                longest = ", ".join(map(str, longest_of(found[device][name])))
                lines.append(f"| {name} | {device} | {each.macs_share:.1%} | {each.time_share:.1%} | {longest} |")
    return lines


def longest_of(latency: Latency) -> list[KindShare]:
    """What takes most of a network's time."""
    return sorted(shares(latency), key=lambda each: -each.time_share)[:4]


def told(ranked: Ranking) -> list[Inversion]:
    """The most telling inversions that are sure, few of a family."""
    kept, rows = Counter[str](), []
    for pair in ranked.inversions:
        family = lookup(pair.slower).family
        if pair.sure and kept[family] < MOST_OF_A_FAMILY:
            kept[family] += 1
            rows.append(pair)
    return rows[:MOST_ROWS]


def table(device: str, found: dict[str, Latency]) -> list[str]:
    """The twenty most telling inversions, with their reasons."""
    large = {name: each for name, each in found.items() if min(lookup(name).input_size[1:]) >= LEAST_SIDE}
    lines = [
        "",
        f"## The most telling on {device}",
        "",
        f"Among the {len(large)} networks that read images of {LEAST_SIDE} px or more; surely inverted ones, at most {MOST_OF_A_FAMILY} of a family.",
        "What takes most of the slower one's time is told by kind of kernel, with its share of the MACs where it has any.",
        "",
        "| slower | than | time | MACs | bound by memory | by launches | what takes most of its time |",
        "| --- | --- | ---: | ---: | ---: | ---: | --- |",
    ]
    for pair in told(ranking(large)):
        lines.append(
            f"| {pair.slower} | {pair.faster} | ×{pair.time_ratio:.2f} | ×{pair.macs_ratio:.2f} | {pair.memory_share:.0%} "
            f"| {pair.launch_share:.0%} | {', '.join(map(str, pair.kernels))} |"
        )
    return lines


def made() -> tuple[str, bytes]:
    """The page and its picture."""
    graphs = {}
    names = ca.list_models()
    for done, name in enumerate(names, start=1):
        graphs[name] = ca.trace(name)
        print(f"\rtraced: {done} of {len(names)}", end="" if done < len(names) else "\n", file=sys.stderr)
    found = {device: found_on(device, graphs) for device in DEVICES}
    ranks = {device: ranking(times) for device, times in found.items()}
    lines = [INTRODUCTION, *figures(ranks, found), *depthwise(ranks, found)]
    for device in DEVICES:
        lines += table(device, found[device])
    return "\n".join(lines) + "\n", draw_ranking(found[DEVICES[0]], ranks[DEVICES[0]], "svg")


if __name__ == "__main__":
    text, picture = made()
    PAGE.write_text(text, encoding="utf-8")
    PICTURE.write_bytes(picture)
