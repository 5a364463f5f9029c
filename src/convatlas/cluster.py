"""Calls spread over the machines of a Ray cluster; what a machine that is lost was at, another one does again."""

from __future__ import annotations

import logging
import os
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from .errors import ConvatlasError

_REACHED_SECONDS = 5.0  # Ray itself waits two minutes, and then ends the process
_ENVIRONMENT = "RAY_ADDRESS"

Result = TypeVar("Result")


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """A Ray cluster, and what one call takes of it.

    Attributes:
        address: HOST:PORT of its head, ray://HOST:PORT of its client's server, or "auto" for a running one.
        cpus, gpus: of a call; it also has so many threads.
        retries: how often a call is made again whose machine or process is lost. What a call raises is not tried again.

    Raises:
        ConvatlasError: a number makes no sense.

    """

    address: str
    cpus: float = 1
    gpus: float = 0
    retries: int = 3

    def __post_init__(self) -> None:
        for name, least in (("cpus", 0), ("gpus", 0), ("retries", 0)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value < float("inf"):
                raise ConvatlasError(f"`{name}` (={value!r}) of a call on Ray must be a number of at least {least}")
        if not self.cpus and not self.gpus:
            raise ConvatlasError("a call on Ray takes a CPU or a GPU: `cpus` and `gpus` are both 0")

    @contextmanager
    def connected(self) -> Iterator[Calls[Any]]:
        """The cluster, as long as one is inside; calls that are still made then end.

        Raises:
            ConvatlasError: Ray is not installed, nothing answers at the address, or no machine has what a call takes.

        """
        try:
            import ray
        except ImportError:
            raise ConvatlasError('a Ray cluster needs Ray: pip install "convatlas[ray]"') from None
        mine = not ray.is_initialized()
        if mine:
            _reach(os.environ.get(_ENVIRONMENT, self.address) if self.address == "auto" else self.address)
            try:
                ray.init(address=self.address, log_to_driver=False, logging_level=logging.ERROR)
            except (ConnectionError, RuntimeError, ValueError) as error:
                raise ConvatlasError(f"no Ray cluster at {self.address}: {_reason(error)}") from error
        calls: Calls[Any] = Calls(self)
        try:
            if not calls.places():
                raise ConvatlasError(
                    f"no machine of the Ray cluster has what a call takes: {self.cpus:g} CPUs and {self.gpus:g} GPUs"
                )
            yield calls
        finally:
            if mine:
                ray.shutdown()  # ends what runs
            else:
                calls.cancel()


class Calls(Generic[Result]):
    """Calls that a cluster makes, each known by its name."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self._running: dict[Any, str] = {}

    @property
    def running(self) -> list[str]:
        """Those that are not done."""
        return list(self._running.values())

    def places(self) -> int:
        """How many calls the machines that the cluster has now make at a time."""
        import ray

        nodes = ray.nodes()  # type: ignore[no-untyped-call]
        machines = [node["Resources"] for node in nodes if node["Alive"]]
        taken = {name: each for name, each in (("CPU", self.cluster.cpus), ("GPU", self.cluster.gpus)) if each}
        return sum(min(int(machine.get(name, 0) / each) for name, each in taken.items()) for machine in machines)

    def start(self, name: str, function: Callable[..., Result], *arguments: object) -> None:
        """Have a call made. Arguments are what `shared` gave, or anything that pickles."""
        import ray

        cluster = self.cluster
        remote = ray.remote(function).options(num_cpus=cluster.cpus, num_gpus=cluster.gpus, max_retries=cluster.retries)
        self._running[remote.remote(*arguments)] = name

    def done(self, seconds: float | None) -> Iterator[tuple[str, Result]]:
        """The calls that are done, at most so many seconds from now (None: when one is).

        Raises:
            ConvatlasError: a call's process or machine was lost too often, or has no convatlas.
            BaseException: what a call raised.

        """
        import ray

        references, _ = ray.wait(list(self._running), timeout=seconds)
        for reference in references:
            try:
                result = ray.get(reference)
            except ray.exceptions.RayTaskError as error:
                raise error.cause from None
            except ray.exceptions.RayError as error:
                reason = str(error).partition("\n")[0]
                raise ConvatlasError(f"{self._running[reference]} came to nothing on the Ray cluster: {reason}") from error
            yield self._running.pop(reference), result

    def cancel(self) -> None:
        """Interrupt the calls that are not done."""
        import ray

        for reference in self._running:
            ray.cancel(reference)  # by force Ray may end this process too, where the call ends at that moment
        self._running.clear()


def shared(value: object) -> Any:
    """A value that many calls get, sent to each machine once."""
    import ray

    return ray.put(value)


def beside(kind: type) -> Any:
    """An object that calls and this process ask things of, on this machine, so that it is lost with nobody else."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=True)
    found: Any = ray.remote(kind).options(num_cpus=0, scheduling_strategy=here).remote()
    ray.get(found.__ray_ready__.remote())  # handed on before it has started, Ray sometimes ends it again
    return found


def ask(other: Any, method: str, *arguments: object) -> Any:
    """What a method of an object made by `beside` returns."""
    import ray

    return ray.get(getattr(other, method).remote(*arguments))


@contextmanager
def sent_along(prefix: str) -> Iterator[None]:
    """While inside, code of modules whose names begin so is sent to the machines with what needs it; theirs do not have it."""
    from ray import cloudpickle

    modules = [module for name, module in list(sys.modules.items()) if name.startswith(prefix)]
    for module in modules:
        cloudpickle.register_pickle_by_value(module)  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        for module in modules:
            cloudpickle.unregister_pickle_by_value(module)  # type: ignore[no-untyped-call]


def _reason(error: Exception) -> str:
    """Why Ray did not connect, in a line."""
    if "InvalidAuthToken" in str(error.__cause__):
        return "it asks for its token: copy ~/.ray/auth_token of the machine that started it here, and set RAY_AUTH_MODE=token"
    return str(error).partition(". ")[0]


def _reach(address: str) -> None:
    """See that somebody listens at HOST:PORT."""
    host, _, port = address.rpartition("://")[2].rpartition(":")
    if not host or not port.isdigit():
        return  # "auto", which Ray looks for on this machine
    try:
        socket.create_connection((host, int(port)), _REACHED_SECONDS).close()
    except OSError as error:
        raise ConvatlasError(f"no Ray cluster at {address}: {error.strerror or error}") from error
