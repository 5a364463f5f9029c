"""What a process takes of its device's memory beside the tensors: one constant a device."""

from __future__ import annotations

# Fitted to timm's published training runs on an RTX 3090 of 24 GiB (AMP, SGD with momentum, PyTorch 1.12, CUDA 11.3), whose
# largest batches it tells with the tensors at the peak: what the driver withholds, the context, the kernels and workspaces of
# cuDNN and cuBLAS, and the allocator's fragmentation. What the caching allocator reserves beyond the peak adds nothing: it
# gives unused segments back before it gives up.
CUDA_OVERHEAD_BYTES = int(2.5 * 2**30)
# Measured (torch 2.14 with CUDA's libraries, x86 Linux, glibc): the resident memory of a process at its highest, less the
# simulated peak, for 11 networks at 4 to 32 images. 0.7 GiB are the interpreter, torch's libraries (0.3 GiB, which several
# processes share) and oneDNN's kernels; up to 0.4 GiB is what glibc's heap keeps between large blocks.
CPU_OVERHEAD_BYTES = int(1.1 * 2**30)

BESIDE_THE_TENSORS = {
    "cuda": "context, libraries and fragmentation: one constant, fitted to published runs on an RTX 3090",
    "cpu": "interpreter, libraries and the heap's gaps: one constant, measured on Linux",
}


def overhead_bytes(device: str) -> int:
    """Bytes that a process takes of a device, "cpu" or "cuda", beside the tensors."""
    return CUDA_OVERHEAD_BYTES if device == "cuda" else CPU_OVERHEAD_BYTES
