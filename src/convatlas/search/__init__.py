"""Search: spaces of networks, hard limits on what they cost, scores, and drivers that propose candidates."""

from ..cluster import Cluster
from .compare import Comparison, compare_spaces
from .limits import Candidate, Gate, Limits
from .result import Row, Search
from .run import search
from .space import Choice, Space, space_of

__all__ = [
    "Candidate",
    "Choice",
    "Cluster",
    "Comparison",
    "Gate",
    "Limits",
    "Row",
    "Search",
    "Space",
    "compare_spaces",
    "search",
    "space_of",
]
