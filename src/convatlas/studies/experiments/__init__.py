"""The notes' experiments, one file each: a table of arms, and what the notes say of them."""
