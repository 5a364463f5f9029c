"""Building blocks that several papers truly share."""
