"""Training: data in, a run's folder out."""
