"""What is wrong with the data that were asked for."""

from __future__ import annotations

from ...errors import ConvatlasError


class DataError(ConvatlasError):
    """Data are not there, or not what a network can be trained on."""
