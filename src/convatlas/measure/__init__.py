"""What a step takes on this machine, measured: memory."""
