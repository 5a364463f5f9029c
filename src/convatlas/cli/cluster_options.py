"""Options of commands that score networks on a Ray cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import ConvatlasError

if TYPE_CHECKING:
    from ..cluster import Cluster

_CPUS, _GPUS, _RETRIES = 1.0, 0.0, 3

Ray = Annotated[
    str | None,
    typer.Option("--ray", metavar="ADDRESS", help="Score on this Ray cluster: HOST:PORT of its head, or auto for a running one."),
]
TrialCpus = Annotated[
    float | None, typer.Option("--trial-cpus", metavar="N", help="CPUs of a network on the cluster.", show_default=f"{_CPUS:g}")
]
TrialGpus = Annotated[
    float | None, typer.Option("--trial-gpus", metavar="N", help="GPUs of one, as 0.5.", show_default=f"{_GPUS:g}")
]
Retries = Annotated[
    int | None,
    typer.Option("--retries", metavar="N", help="How often one is scored again whose machine is lost.", show_default=f"{_RETRIES}"),
]


def cluster_of(ray: str | None, cpus: float | None, gpus: float | None, retries: int | None) -> Cluster | None:
    """The cluster that was asked for, if one was.

    Raises:
        ConvatlasError: there is a setting of a cluster and no cluster, or one that makes no sense.

    """
    if ray is None:
        for name, value in (("--trial-cpus", cpus), ("--trial-gpus", gpus), ("--retries", retries)):
            if value is not None:
                raise ConvatlasError(f"`{name}` (={value:g}) is about a Ray cluster; say which one: --ray auto")
        return None
    from ..cluster import Cluster

    return Cluster(
        address=ray,
        cpus=_CPUS if cpus is None else cpus,
        gpus=_GPUS if gpus is None else gpus,
        retries=_RETRIES if retries is None else retries,
    )
