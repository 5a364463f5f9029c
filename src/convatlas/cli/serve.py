"""`serve`: a classifier over HTTP."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from ..errors import ConvatlasError
from .classifiers import classifier_of, noted
from .options import ClassifierClasses, ClassifierModel, ClassifierWeights, Debug, Eager, ImageSize
from .progress import working

_MOST_READERS = 8
_MEBIBYTE = 2**20


def serve(
    model: ClassifierModel,
    weights: ClassifierWeights = "imagenet",
    num_classes: ClassifierClasses = None,
    size: ImageSize = None,
    host: Annotated[str, typer.Option("--host", metavar="ADDRESS", help="Who may connect: 0.0.0.0 is everyone.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, metavar="PORT", help="0 for any free one.")] = 8000,
    batch: Annotated[int, typer.Option("--batch", min=1, metavar="N", help="Images that the network gets at a time.")] = 16,
    deadline: Annotated[
        float, typer.Option("--deadline-ms", min=0, metavar="MS", help="That an image waits for others of its batch.")
    ] = 5.0,
    queue: Annotated[
        int, typer.Option("--queue", min=1, metavar="N", help="Requests in work or waiting; more of them get 429.")
    ] = 64,
    body: Annotated[
        float, typer.Option("--max-body", min=0.001, metavar="MIB", help="Of a request; a larger one gets 413.")
    ] = 20.0,
    pixels: Annotated[
        float, typer.Option("--max-pixels", min=0.001, metavar="MILLIONS", help="Of an image; a larger one gets 413.")
    ] = 50.0,
    readers: Annotated[
        int | None,
        typer.Option("--workers", min=1, metavar="W", help="Threads that read images.", show_default="one a core, at most 8"),
    ] = None,
    eager: Eager = False,
    debug: Debug = False,
) -> None:
    """Answer over HTTP what a network sees in images.

    POST an image to /predict, its bytes or a form with one file. /healthz, /metrics (Prometheus) and /docs (OpenAPI) tell more. SIGTERM
    and Ctrl-C end it once what it took is answered. There is no authentication: only this machine may connect, unless --host says
    otherwise. Before it answers it finds the network's fastest form here, which takes half a minute.
    """
    try:
        from .. import serve as room
    except ImportError as error:
        raise ConvatlasError(f"to serve, {error.name} is needed: pip install 'convatlas[serve]'") from None
    with room.listening(host, port) as place:
        classifier = classifier_of(model, weights, num_classes, size)
        if not eager:
            from ..predict import fast_from_the_start

            with working(f"finding the fastest form of {model}"):
                classifier = fast_from_the_start(classifier, batch, noted)
        limits = room.Limits(
            batch=batch,
            deadline_seconds=deadline / 1e3,
            queue=queue,
            body_bytes=int(body * _MEBIBYTE),
            pixels=int(pixels * 1e6),
            readers=readers or min(os.cpu_count() or 1, _MOST_READERS),
        )
        shown = f"[{host}]" if ":" in host else host
        address = f"http://{shown}:{place.getsockname()[1]}"
        if not room.is_loopback(host):
            print(f"note: whoever reaches {host} may connect; there is no authentication", file=sys.stderr)

        def started() -> None:
            print(f"{model} answers at {address}/predict; {address}/docs tells how", flush=True)

        room.serve(room.make_app(classifier, limits), place, started)
