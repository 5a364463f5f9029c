"""A classifier as a service over HTTP: one process (`run`), or many machines (`ray_app`)."""

from .app import make_app
from .limits import Limits
from .run import is_loopback, listening, serve, server_of

__all__ = ["Limits", "is_loopback", "listening", "make_app", "serve", "server_of"]
