"""Search: spaces of networks, hard limits on what they cost, scores, and drivers that propose candidates."""

from ..cluster import Cluster
from .limits import Candidate, Gate, Limits
from .result import Row, Search
from .run import search
from .space import Choice, Space, space_of

__all__ = ["Candidate", "Choice", "Cluster", "Gate", "Limits", "Row", "Search", "Space", "search", "space_of"]
