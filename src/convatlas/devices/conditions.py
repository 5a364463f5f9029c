"""Conditions: what a time was measured under, or is asked for."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import ConvatlasError

PRECISIONS = ("fp32", "bf16", "fp16", "amp", "amp_bf16")
LAYOUTS = ("nchw", "nhwc")


@dataclass(frozen=True, kw_only=True)
class Conditions:
    """How a network runs.

    Attributes:
        precision: "fp32"; "bf16" or "fp16" wholly; "amp" (autocast in float16) or "amp_bf16" (autocast in bfloat16).
        layout: "nchw" (contiguous) or "nhwc" (channels-last) images and weights.
        compiled: by torch.compile with Inductor.
        training: a training step, with SGD and momentum, instead of inference.
        torch: its version, as in "2.4"; "" is any.

    """

    precision: str = "amp"
    layout: str = "nchw"
    compiled: bool = False
    training: bool = False
    torch: str = ""

    def __post_init__(self) -> None:
        for name, value, known in (("precision", self.precision, PRECISIONS), ("layout", self.layout, LAYOUTS)):
            if value not in known:
                raise ConvatlasError(f"unknown {name} {value!r}: choose {', '.join(known[:-1])} or {known[-1]}")

    @property
    def version(self) -> tuple[int, int] | None:
        """Torch's version as numbers; None for any."""
        major, _, minor = self.torch.partition(".")
        return (int(major), int(minor or 0)) if major.isdecimal() else None

    def __str__(self) -> str:
        words = [
            self.precision,
            self.layout,
            "compiled" if self.compiled else "eager",
            "a training step" if self.training else "inference",
        ]
        return ", ".join([*words, f"PyTorch {self.torch}"] if self.torch else words)

    def name(self, device: str) -> str:
        """A file's name for a device under these conditions, as in "rtx4090-amp-nchw-compiled-torch2.9"."""
        words = [device, self.precision, self.layout, "compiled" if self.compiled else "", "training" if self.training else ""]
        return "-".join(filter(None, [*words, f"torch{self.torch}" if self.torch else ""]))
