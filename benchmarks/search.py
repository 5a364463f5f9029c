"""Candidates a second through the limits, and searches replayed on a table of trained networks.

Every network of the table was trained three times (search_table.py); its score is the mean, so that drivers are compared and not luck.
Prints Markdown. Run: python benchmarks/search.py
"""

from __future__ import annotations

import csv
import math
import statistics
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial

import numpy as np
import torch
from scipy.stats import mannwhitneyu, spearmanr
from torch import nn

from convatlas.devices.conditions import Conditions
from convatlas.devices.profile import find
from convatlas.search import Space, search
from convatlas.search.score.az_nas import NAME as AZ_NAS
from convatlas.search.score.az_nas import AzNasScore, Figures, ranked
from convatlas.search.score.proxies import PROXIES
from convatlas.search.score.scores import ProxyScore
from convatlas.search.space import SPACES
from convatlas.search.tables import Tables, Timing
from convatlas.train.data import open_data
from search_table import TABLE, space

SEEDS = 20
TOP = 0.03
CANDIDATES = 100_000


class FoundError(Exception):
    """One of the best was met."""


class Replayed:
    """A score that is looked up; it ends the search where it is one of the best."""

    name = "table"
    meaning = "mean accuracy of three trainings (%)"

    def __init__(self, scores: dict[str, float], least: float = math.inf) -> None:
        self.scores, self.least, self.asked = scores, least, 0

    def __call__(self, make: Callable[[], nn.Module], seed: int, report: object) -> float:
        """The score of the network that ``make`` makes, which is known by its layers."""
        self.asked += 1
        with torch.device("meta"):
            score = self.scores[repr(make())]
        if score >= self.least:
            raise FoundError
        return score


def rates() -> None:
    """Candidates a second of CPU time through parameters, MACs and latency, once their parts are traced."""
    conditions = Conditions(precision="amp")
    timing = Timing(profile=find("rtx4090", conditions), conditions=conditions, batch=8)
    print(
        "| space | candidates in it | parts traced | seconds for that | candidates a second |\n| --- | ---: | ---: | ---: | ---: |"
    )
    for name, make in SPACES.items():
        made = make((3, 224, 224), 1000)
        tables, random = Tables(made, timing), np.random.default_rng(0)
        index = made.draw(CANDIDATES, random)
        began = time.process_time()
        tables.costs(index)
        first = time.process_time() - began
        began = time.process_time()
        tables.costs(index)
        seconds = time.process_time() - began
        print(f"| {name} | {made.size:.2g} | {tables.parts_traced:,} | {first:.1f} | {CANDIDATES / seconds:,.0f} |")


def table(networks: Space) -> tuple[np.ndarray, np.ndarray]:
    """Accuracies (networks, seeds) in percent, and costs (networks, 2): MACs and parameters."""
    with TABLE.open(newline="") as file:
        rows = list(csv.DictReader(file))
    accuracy = np.full((networks.size, 1 + max(int(row["seed"]) for row in rows)), np.nan)
    costs = np.zeros((networks.size, 2))
    for row in rows:
        accuracy[int(row["network"]), int(row["seed"])] = float(row["val_top1_percent"])
        costs[int(row["network"])] = float(row["macs"]), float(row["params"])
    assert not np.isnan(accuracy).any()
    return accuracy, costs


def replay(networks: Space, mean: np.ndarray) -> None:
    """Trials until one of the best 3 % is found, by driver."""
    least = float(np.sort(mean)[-round(TOP * len(mean))])
    scores = scores_by_layers(networks, mean)
    needed = {
        driver: [first_top(networks, Replayed(scores, least), driver, seed) for seed in range(SEEDS)]
        for driver in ("random", "evolution", "tpe")
    }
    print(
        "\n| driver | trials until the best 3 %, mean | median | ratio of means to random | p |\n| --- | ---: | ---: | ---: | ---: |"
    )
    for driver, trials in needed.items():
        p = mannwhitneyu(trials, needed["random"], alternative="less").pvalue if driver != "random" else None
        ratio = statistics.mean(trials) / statistics.mean(needed["random"])
        print(
            f"| {driver} | {statistics.mean(trials):.1f} | {statistics.median(trials):.1f} | {ratio:.2f} | {'-' if p is None else f'{p:.3f}'} |"
        )


def scores_by_layers(networks: Space, mean: np.ndarray) -> dict[str, float]:
    """The mean accuracy of each network, by the text of its layers."""
    with torch.device("meta"):
        scores = {
            repr(networks.build(networks.values(row.tolist()))): float(mean[number]) for number, row in enumerate(networks.all())
        }
    assert len(scores) == networks.size
    return scores


def first_top(networks: Space, score: Replayed, driver: str, seed: int) -> int:
    """How many trials a search takes until it meets one of the best."""
    with suppress(FoundError):
        search(networks, score=score, driver=driver, trials=networks.size, seed=seed)
    return score.asked


def proxies(networks: Space, mean: np.ndarray, costs: np.ndarray) -> None:
    """Spearman's correlation of each proxy with the true ranking, beside that of MACs and parameters."""
    data = open_data("digits")
    print("\n| score | Spearman's correlation with accuracy |\n| --- | ---: |")
    for name, values in (("MACs", costs[:, 0]), ("parameters", costs[:, 1])):
        print(f"| {name} | {spearmanr(values, mean).statistic:.2f} |")
    for name in PROXIES:
        score = ProxyScore(name, networks, data)
        values = [
            score(partial(networks.build, networks.values(row.tolist())), 0, lambda step, value: False) for row in networks.all()
        ]
        print(f"| {name} | {spearmanr(values, mean).statistic:.2f} |")
    score = AzNasScore(AZ_NAS, networks, data)
    figures = [score.figures(partial(networks.build, networks.values(row.tolist())), 0) for row in networks.all()]
    among = [ranked([*score.others, each])[-1] for each in figures]
    print(f"| {AZ_NAS} | {spearmanr(among, mean).statistic:.2f} |")
    print(f"| {AZ_NAS}, ranks among all | {spearmanr(ranked(figures), mean).statistic:.2f} |")
    for place, name in enumerate(Figures._fields):
        print(f"| its {name} | {spearmanr([each[place] for each in figures], mean).statistic:.2f} |")


def main() -> None:
    """All of it."""
    torch.set_num_threads(1)
    networks = space()
    accuracy, costs = table(networks)
    mean = accuracy.mean(axis=1)
    pairs = [spearmanr(accuracy[:, first], accuracy[:, second]).statistic for first, second in ((0, 1), (0, 2), (1, 2))]
    print(f"accuracy {mean.min():.1f} to {mean.max():.1f} %; between seeds Spearman {statistics.mean(pairs):.2f}\n")
    proxies(networks, mean, costs)
    replay(networks, mean)
    print()
    rates()


if __name__ == "__main__":
    main()
