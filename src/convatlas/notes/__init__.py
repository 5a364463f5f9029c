"""The lecture notes on CNN architectures, executable: every number in them, computed, beside what was printed."""

from .claim import Claim, Published
from .run import Record, all_claims, run_claims

__all__ = ["Claim", "Published", "Record", "all_claims", "run_claims"]
