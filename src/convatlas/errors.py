"""The error that every message to the user is raised as. No torch here."""

from __future__ import annotations


class ConvatlasError(ValueError):
    """What was asked cannot be answered, by the user's doing; the message is one line with the value and the way out."""
