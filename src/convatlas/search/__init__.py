"""Search: spaces of networks, hard limits on what they cost, scores, and drivers that propose candidates."""
