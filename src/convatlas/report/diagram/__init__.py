"""The block diagram of a network, drawn from its graph and module tree."""
