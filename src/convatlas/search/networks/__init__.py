"""Networks of the search spaces: each file needs torch alone, since the winner of a search is its text and a line more."""
