"""Records as charts and as one HTML page that opens with no network."""
