"""A search over a Ray cluster of three machines on this one: every trial once, and again only what a killed machine was at."""

from __future__ import annotations

import re
import socket
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from torch import nn

from convatlas.cluster import Cluster
from convatlas.errors import ConvatlasError
from convatlas.search import search
from convatlas.search.score.training import Report
from convatlas.search.space import ResidualSpace
from convatlas.train.data import open_data

pytestmark = pytest.mark.filterwarnings("default")  # ray's own


def tiny() -> ResidualSpace:
    return ResidualSpace((1, 8, 8), 10, stem=8, widths=((4, 8), (8, 16)), depths=(1, 2), ratios=(1,), groups=(1, 2))


@pytest.fixture(scope="module")
def machines() -> Iterator[Any]:
    """A head without CPUs, and three machines of one CPU."""
    pytest.importorskip("ray")
    from ray.cluster_utils import Cluster as Machines

    found = Machines(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    nodes = [found.add_node(num_cpus=1) for _ in range(3)]
    found.wait_for_nodes()
    yield found, nodes
    found.shutdown()


def noting(log: Path, seconds: float) -> Any:
    """A score that notes where each network's scoring begins and ends; made here, so that Ray sends its code."""

    class Noting:
        name = "noting"
        meaning = "parameters"

        def __call__(self, make: Callable[[], nn.Module], seed: int, report: Report) -> float:
            import ray

            network = repr(make()).replace("\n", " ")
            with log.open("a") as file:
                file.write(f"begun|{ray.get_runtime_context().get_node_id()}|{network}\n")
            time.sleep(seconds)
            with log.open("a") as file:
                file.write(f"ended|{ray.get_runtime_context().get_node_id()}|{network}\n")
            return float(sum(parameter.numel() for parameter in make().parameters()))

    return Noting()


@pytest.mark.slow
def test_training_on_machines_ends_early_as_here(machines: Any, tmp_path: Path) -> None:
    found = search(
        tiny(),
        data=open_data("digits"),
        driver="random",
        epochs=3,
        trials=6,
        storage=tmp_path / "trials.db",
        ray=machines[0].address,
    )
    assert len({row.candidate.key for row in found.rows}) == len(found.rows) == 6
    assert found.best.score is not None
    assert found.best.score > 20


@pytest.mark.slow
def test_a_killed_machine_costs_its_running_trials_alone(machines: Any, tmp_path: Path) -> None:
    cluster, nodes = machines
    log = tmp_path / "log"
    killed: list[str] = []

    def kill() -> None:
        while not log.is_file() or log.read_text().count("ended") < 4:
            time.sleep(0.05)
        killed.append(nodes[0].node_id)
        cluster.remove_node(nodes[0], allow_graceful=False)

    thread = threading.Thread(target=kill)
    thread.start()
    found = search(tiny(), score=noting(log, 2.0), driver="random", trials=12, storage=tmp_path / "trials.db", ray=cluster.address)
    thread.join()
    assert len({row.candidate.key for row in found.rows}) == len(found.rows) == 12
    lines = [line.split("|") for line in log.read_text().splitlines()]
    where = defaultdict(list)  # network -> the machines where its scoring began
    for what, node, network in lines:
        if what == "begun":
            where[network].append(node)
    assert len(where) == 12
    assert len({node for nodes in where.values() for node in nodes}) == 3
    again = {network: nodes for network, nodes in where.items() if len(nodes) > 1}
    assert len(again) <= 1  # the machine had one CPU
    assert all(len(nodes) == 2 and nodes[0] == killed[0] != nodes[1] for nodes in again.values())
    # a process of the killed machine may still note its end here, since it is the same machine in truth
    ended = Counter(network for what, _, network in lines if what == "ended")
    assert {network: count for network, count in ended.items() if network not in again} == dict.fromkeys(where.keys() - again, 1)


@pytest.mark.slow
def test_what_a_score_raises_on_a_machine_is_raised_here(machines: Any) -> None:
    class Failing:
        name = meaning = "failing"

        def __call__(self, make: Callable[[], nn.Module], seed: int, report: Report) -> float:
            raise ConvatlasError("this network cannot be scored")

    with pytest.raises(ConvatlasError, match="this network cannot be scored"):
        search(tiny(), score=Failing(), driver="random", trials=3, ray=machines[0].address)


@pytest.mark.slow
def test_calls_that_no_machine_can_make_are_refused(machines: Any) -> None:
    with pytest.raises(ConvatlasError, match=re.escape("no machine of the Ray cluster has what a call takes: 64 CPUs and 0 GPUs")):
        search(tiny(), score="naswot", driver="random", trials=3, ray=Cluster(address=machines[0].address, cpus=64))


def test_an_address_where_nobody_listens_is_said_at_once() -> None:
    pytest.importorskip("ray")
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{closed.getsockname()[1]}"
    with pytest.raises(ConvatlasError, match=f"no Ray cluster at {address}: "):
        search(tiny(), score="naswot", driver="random", trials=3, ray=address)


@pytest.mark.parametrize(
    ("change", "message"),
    [({"cpus": -1}, "`cpus` .=-1. of a call"), ({"retries": float("inf")}, "`retries`"), ({"cpus": 0}, "takes a CPU or a GPU")],
)
def test_calls_without_sense_are_refused(change: dict[str, float], message: str) -> None:
    with pytest.raises(ConvatlasError, match=message):
        Cluster(address="auto", **change)  # type: ignore[arg-type]
