"""Designing: picking a proven network by what it may cost."""

from .candidate import Candidate, Setting
from .figures import FIGURES, Figure
from .limits import Limit, Miss
from .pick import pick, selection
from .ranking import Ranking
from .selection import NothingFitsError, Selection

__all__ = [
    "FIGURES",
    "Candidate",
    "Figure",
    "Limit",
    "Miss",
    "NothingFitsError",
    "Ranking",
    "Selection",
    "Setting",
    "pick",
    "selection",
]
