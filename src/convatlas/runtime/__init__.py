"""Other runtimes: a network in their forms, and how fast each runs it here."""
