"""What a service takes at most."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """Of a service, each process its own.

    Attributes:
        batch: images that the network gets at a time.
        deadline_seconds: that the first image of a batch waits for others.
        queue: requests that are in work or wait; further ones get 429.
        body_bytes: of a request; a larger one gets 413.
        body_seconds: in which a request's body must have come; else it gets 408.
        pixels: of an image, before it is decoded; a larger one gets 413.
        readers: threads that decode images.
    """

    batch: int = 16
    deadline_seconds: float = 0.005
    queue: int = 64
    body_bytes: int = 20 * 2**20
    body_seconds: float = 30.0
    pixels: int = 50_000_000
    readers: int = 2
