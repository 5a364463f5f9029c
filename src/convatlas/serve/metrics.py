"""What a service counts, for Prometheus."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

_SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)
_IMAGES = (1, 2, 4, 8, 16, 32, 64, 128)


class Metrics:
    """The counters of one service, in a registry of its own."""

    content_type = CONTENT_TYPE_LATEST

    def __init__(self, waiting: Callable[[], int]) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._requests = Counter("convatlas_requests", "Requests for a prediction, by status.", ["status"], registry=self._registry)
        self._seconds = Histogram(
            "convatlas_request_seconds",
            "From a request's head to the end of its answer, of those with status 200.",
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._batches = Histogram(
            "convatlas_batch_images", "Images that the network got at a time.", buckets=_IMAGES, registry=self._registry
        )
        Gauge("convatlas_requests_in_work", "Requests in work or waiting.", registry=self._registry).set_function(waiting)

    def answered(self, status: int, seconds: float) -> None:
        """Count a request."""
        self._requests.labels(str(status)).inc()
        if status == 200:
            self._seconds.observe(seconds)

    def worked(self, images: int) -> None:
        """Count a batch."""
        self._batches.observe(images)

    def text(self) -> bytes:
        """All of it, in the format that Prometheus reads."""
        return generate_latest(self._registry)
