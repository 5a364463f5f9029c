"""A service on a port of this machine, until it is told to end."""

from __future__ import annotations

import ipaddress
import os
import socket
import time
from collections.abc import Callable
from types import FrameType

import uvicorn
from fastapi import FastAPI
from uvicorn.config import LOGGING_CONFIG

from ..errors import ConvatlasError

_BACKLOG = 2048
_DRAIN_SECONDS = 0.5  # in which clients of kept connections are told to go


class Server(uvicorn.Server):
    """Ends without losing a request.

    At SIGTERM or Ctrl-C it goes on for half a second, in which every answer ends its connection; only then no more are accepted,
    and what was is answered. So no client has just sent a request on a kept connection that is being closed. A second signal
    ends that half second.
    """

    def __init__(self, app: FastAPI, config: uvicorn.Config, started: Callable[[], None]) -> None:
        super().__init__(config)
        self._service, self._told, self._ends_at = app.state.service, started, float("inf")

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen, and say so."""
        await super().startup(sockets)
        if not self.should_exit:
            self._told()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to end."""
        if self._service.draining:
            self.should_exit = True
        self._service.draining = True
        self._ends_at = min(self._ends_at, time.monotonic() + _DRAIN_SECONDS)

    async def on_tick(self, counter: int) -> bool:
        """Ten times a second: whether to stop accepting."""
        self.should_exit = self.should_exit or time.monotonic() >= self._ends_at
        return await super().on_tick(counter)


def listening(host: str, port: int) -> socket.socket:
    """A socket that clients may connect to; port 0 is any free one.

    Raises:
        ConvatlasError: the address is not this machine's, or the port is taken.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except (OSError, OverflowError) as error:
        reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno and error.errno > 0 else str(error)
        raise ConvatlasError(f"{host}:{port} cannot be listened on: {reason}; choose another --port, or 0 for any") from error


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def server_of(app: FastAPI, started: Callable[[], None] = lambda: None) -> Server:
    """What answers for an app of `make_app`; ``started`` is called when it does."""
    quiet = {**LOGGING_CONFIG["loggers"], "python_multipart": {"level": "CRITICAL"}}  # of damaged forms the client is told
    config = uvicorn.Config(
        app,
        log_config={**LOGGING_CONFIG, "loggers": quiet},
        log_level="warning",
        access_log=False,
        lifespan="on",
        server_header=False,
        timeout_graceful_shutdown=int(2 * app.state.service.limits.body_seconds) + 1,
    )
    return Server(app, config, started)


def serve(app: FastAPI, place: socket.socket, started: Callable[[], None]) -> None:
    """Answer requests until SIGTERM or Ctrl-C, and then those that were accepted.

    Args:
        app: of `make_app`.
        place: of `listening`; closed at the end.
        started: is called when it answers.

    Raises:
        ConvatlasError: the app does not start.
    """
    server = server_of(app, started)
    server.run(sockets=[place])
    if not server.started:
        raise ConvatlasError("the service did not start; what it said stands above")
