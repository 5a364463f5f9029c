"""Drivers: who proposes the next candidate, and where trials are kept."""
