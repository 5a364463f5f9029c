"""What benchmarks/counting.py is made of."""
