"""Graph -> records. Pure functions; no torch here."""
