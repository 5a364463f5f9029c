"""NVIDIA GPUs: which kernels PyTorch runs there, and what their time is made of."""
