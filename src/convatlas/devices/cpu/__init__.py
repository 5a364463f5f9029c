"""x86 CPUs under oneDNN and torch's own kernels."""

from .kernels import Cpu

__all__ = ["Cpu"]
