"""What a person sees while a network trains: one line that is redrawn on a terminal, plain lines elsewhere."""

from __future__ import annotations

import shutil
import sys
import time
from typing import TextIO

import torch

from .state import Row

REDRAWN_SECONDS = 0.5
PLAIN_SECONDS = 60.0


class Display:
    """Writes to stderr: a progress line within epochs, and a line an epoch.

    Args:
        quiet: write nothing, as all processes but the first do.
    """

    def __init__(self, *, epochs: int, images: int, quiet: bool = False, stream: TextIO | None = None) -> None:
        self._epochs, self._images, self._quiet = epochs, images, quiet
        self._stream = stream or sys.stderr
        self._redraws = self._stream.isatty()
        self._due = time.monotonic() + self._pause
        self._drawn = False

    @property
    def _pause(self) -> float:
        return REDRAWN_SECONDS if self._redraws else PLAIN_SECONDS

    def is_due(self) -> bool:
        """Whether the progress line is to be written anew; asked at each step, so it costs next to nothing."""
        return not self._quiet and time.monotonic() >= self._due

    def progress(
        self, *, epoch: int, seen: int, left: int, images_a_second: float, loss: float, accuracy: float | None, memory: str
    ) -> None:
        """The progress line: images seen of the epoch, and left of the training; loss and accuracy (%) of the epoch so far."""
        self._due = time.monotonic() + self._pause
        parts = [f"epoch {epoch + 1}/{self._epochs}", f"{seen / self._images:.0%}", f"loss {loss:.3f}"]
        if accuracy is not None:
            parts.append(f"top-1 {accuracy:.1f} %")
        parts.append(f"{images_a_second:,.0f} images/s")
        if images_a_second:
            parts.append(f"{duration(left / images_a_second)} left")
        line = "  ".join([*parts, memory])
        if self._redraws:
            width = shutil.get_terminal_size().columns - 1
            self._stream.write("\r" + line[:width].ljust(width))
            self._drawn = True
        else:
            self._stream.write(line + "\n")
        self._stream.flush()

    def say(self, text: str) -> None:
        """A line that stays."""
        if self._quiet:
            return
        if self._drawn:
            self._stream.write("\r" + " " * (shutil.get_terminal_size().columns - 1) + "\r")
            self._drawn = False
        print(text, file=self._stream, flush=True)

    def epoch(self, row: Row, better: bool) -> None:
        """The line of an epoch that has ended."""
        top5 = "" if row["val_top5"] is None else f"  top-5 {row['val_top5']:.2f} %"
        self.say(
            f"epoch {row['epoch']:>{len(str(self._epochs))}}/{self._epochs}  loss {row['train_loss']:.4f}  "
            f"val loss {row['val_loss']:.4f}  top-1 {row['val_top1']:.2f} %{top5}  {row['images_per_second']:,.0f} images/s"
            f"{'  (best)' if better else ''}"
        )


def duration(seconds: float) -> str:
    """Seconds as a person says them: 42 s, 3 min 20 s, 5 h 04 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02} min"


def memory_used(device: torch.device) -> str:
    """The most memory that this process has had: of tensors on CUDA, of everything on a CPU."""
    if device.type == "cuda":
        return f"{torch.cuda.max_memory_allocated(device) / 2**30:.2f} GiB"
    return f"{peak_bytes_of_process() / 2**30:.2f} GiB"


def peak_bytes_of_process() -> int:
    """The most memory that this process has had, Python and libraries included."""
    import resource  # Windows has none

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024
