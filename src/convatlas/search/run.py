"""A search: candidates proposed within the limits, scored, and kept, until there are enough trials."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

from torch import nn

from ..cluster import Cluster
from ..errors import ConvatlasError
from ..train.data import Data, open_data
from .drive.trials import Trials
from .limits import Gate, Limits
from .many import OnRay
from .result import Search, importance_of, rows_of
from .score.named import score_of
from .score.scores import TRAINING, Score
from .space import Space, space_of
from .work import Here, Progress, Workers, work

AGAINST = ("params", "macs", "latency_ms", "train_memory_bytes")


def search(
    space: str | Space | Callable[..., nn.Module],
    *,
    limits: Limits | None = None,
    score: str | Score = TRAINING,
    driver: str = "evolution",
    trials: int = 50,
    storage: str | Path | None = None,
    seed: int = 0,
    data: str | Path | Data | None = None,
    epochs: int | None = None,
    batch: int | None = None,
    input_size: tuple[int, int, int] | None = None,
    against: str = "macs",
    prune: bool = True,
    ray: str | Cluster | None = None,
    progress: Progress | None = None,
) -> Search:
    """Look for the network of a space that scores best within hard limits.

    Args:
        space: "residual", "mobile", "regnet", "cells", a `Space`, "file.py:function" or a function (see `space_of`).
        limits: that every candidate keeps; what breaks one is never scored.
        score: "train", a proxy's name (which trains nothing), or a `Score`.
        driver: "random", "evolution", "tpe", or "nsga2", which looks for the whole front of score and cost.
        trials: how many in the storage in the end, those of other processes included.
        storage: None for this process alone; a file of SQLite, a database's URL, or journal:FILE. A search goes on where it stopped.
        seed: of proposals and of initial weights.
        data: as `train` takes it; "train" needs it, and a space by name takes classes and size of it.
        epochs: of training; None for the recipe's.
        batch: images a step of training; None for the recipe's.
        input_size: (C, H, W); None for the data's or 3x224x224.
        against: the cost that the front is of: "params", "macs", "latency_ms" or "train_memory_bytes".
        prune: whether trainings that fall behind are ended early (successive halving); "nsga2" never does.
        ray: address of a Ray cluster ("auto": a running one), or a `Cluster` that says what a trial takes of it, to score candidates on.
        progress: told how many trials of how many are done, and the last.

    Raises:
        ConvatlasError: nothing keeps the limits, something that was asked for does not exist, a candidate does not build, or the
            storage or the cluster cannot be reached; finished trials are kept.

    """
    try:
        from optuna.pruners import SuccessiveHalvingPruner

        from .drive.samplers import ExhaustedError, sampler
    except ImportError:
        raise ConvatlasError('a search needs Optuna: pip install "convatlas[search]"') from None
    if isinstance(trials, bool) or not isinstance(trials, int) or trials < 1:
        raise ConvatlasError(f"`trials` (={trials!r}) must be a whole number of at least 1")
    limits = limits or Limits()
    if against not in AGAINST or (against == "latency_ms" and limits.device is None):
        raise ConvatlasError(f"`against` (={against!r}) must be one of {', '.join(AGAINST)}; a time needs a device")
    opened = open_data(data) if isinstance(data, str | Path) else data
    found = space_of(space, input_size or _size_of(opened), len(opened.classes) if opened else None)
    scored = score_of(score, found, opened, epochs, batch) if isinstance(score, str) else score
    gate = Gate(found, limits)
    proposer = sampler(driver, gate, seed)
    conditions = {
        "space": found.name, "choices": {choice.name: choice.options for choice in found.choices}, "input_size": found.input_size,
        "classes": found.num_classes, "limits": limits.record(), "score": scored.name, "meaning": scored.meaning, "driver": driver,
        "data": str(opened.name) if opened else "", "epochs": epochs, "batch": batch, "seed": seed,
        "prune": prune,
    }  # fmt: skip
    multiple = driver == "nsga2"
    pruner = SuccessiveHalvingPruner(reduction_factor=3) if prune and scored.name == TRAINING and not multiple else None
    kept = Trials(storage, found.name, conditions, proposer, 2 if multiple else 1, pruner)
    cluster = Cluster(address=ray) if isinstance(ray, str) else ray
    with cluster.connected() if cluster else nullcontext() as calls:
        if calls is None:
            workers: Workers = Here(kept, found, scored, seed, prunes=pruner is not None)
        else:
            workers = OnRay(calls, kept, found, scored, seed, prunes=pruner is not None)
        try:
            work(kept, gate, workers, trials, against if multiple else None, progress)
        except ExhaustedError:
            if not rows_of(kept):
                raise
    return Search(found, limits, scored, driver, rows_of(kept), against, importance_of(kept))


def _size_of(data: Data | None) -> tuple[int, int, int] | None:
    return (data.channels, data.size, data.size) if data is not None and data.size is not None else None
