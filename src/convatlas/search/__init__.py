"""Search: spaces of networks, hard limits on what they cost, scores, and drivers that propose candidates."""

from .limits import Candidate, Gate, Limits
from .run import Row, Search, search
from .space import Choice, Space, space_of

__all__ = ["Candidate", "Choice", "Gate", "Limits", "Row", "Search", "Space", "search", "space_of"]
