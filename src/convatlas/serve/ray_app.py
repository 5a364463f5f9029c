"""The same service on a Ray cluster: `make_app` in each replica, which batches by itself; Ray spreads requests over them.

serve run convatlas.serve.ray_app:application model=/shared/photos.onnx replicas=4
"""

import logging
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel
from ray import serve

from ..api import classifier
from ..predict import fast_from_the_start
from .app import make_app
from .limits import Limits


class Settings(BaseModel):
    """What `serve run` takes as KEY=VALUE; the path of a model is each machine's own.

    Attributes:
        model: a zoo name, the folder of a training, or a file that `export` wrote.
        weights: of a zoo name; see `api.classifier`.
        replicas: processes, over all machines.
        queue: requests in work or waiting, each replica.
        batch: images that a network gets at a time.
        eager: leave the network as it is; else each replica first finds its fastest form on its machine, in half a minute.
    """

    model: str
    weights: str = "imagenet"
    replicas: int = 1
    queue: int = 64
    batch: int = 16
    eager: bool = False


def application(settings: Settings) -> serve.Application:
    """The service as a Ray Serve application.

    Ray makes `Settings` of KEY=VALUE by this signature, which must not be a string: hence no postponed annotations here.
    """

    def app() -> FastAPI:
        weights = None if settings.weights == "none" else settings.weights
        found = classifier(settings.model, weights=weights)
        if not settings.eager:
            found = fast_from_the_start(found, settings.batch, logging.getLogger("ray.serve").info)
        return make_app(found, Limits(queue=settings.queue, batch=settings.batch))

    deployment: Any = serve.deployment(serve.ingress(app)())
    settled = deployment.options(name="convatlas", num_replicas=settings.replicas, max_ongoing_requests=settings.queue)
    bound: serve.Application = settled.bind()
    return bound
