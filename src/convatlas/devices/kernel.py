"""Kernel: one thing that a device runs, with what it computes, moves and holds. Plain numbers; no torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from .profile import Profile


class Product(NamedTuple):
    """A kernel's matrix product: ``batch`` of (rows x depth) times (depth x columns).

    A convolution is one product for each group: rows are output positions of all images, depth is the input channels of a
    group times the kernel's taps, columns are the output channels of a group.
    """

    rows: int
    depth: int
    columns: int
    batch: int = 1

    @property
    def macs(self) -> int:
        """Multiply-accumulates."""
        return self.rows * self.depth * self.columns * self.batch


class Window(NamedTuple):
    """How a convolution's product comes about; sizes in elements."""

    taps: tuple[int, ...]
    stride: int
    dilation: int
    positions: int  # of the output map of one image
    channels: int  # of the input
    groups: int


class Kernel(NamedTuple):
    """One kernel.

    Attributes:
        kind: what runs; it names the terms that the kernel's time is made of.
        bytes_read, bytes_written: memory traffic, every input once, every output once.
        elementwise: operations outside of the product.
        dtype: of the arithmetic.
        layout: "nchw" or "nhwc", as the first input lies.
        product, window: where it is one.
        weight_bytes: of ``bytes_read``, those that do not grow with the batch.
        span: how many elements lie together that the kernel works on at once: a row that it reduces, a channel's map.
        in_place: whether the result overwrites an input.

    """

    kind: str
    bytes_read: int
    bytes_written: int
    elementwise: int = 0
    dtype: str = "float32"
    layout: str = "nchw"
    product: Product | None = None
    window: Window | None = None
    weight_bytes: int = 0
    span: int = 0
    in_place: bool = False

    @property
    def macs(self) -> int:
        """Multiply-accumulates."""
        return self.product.macs if self.product else 0

    @property
    def flops(self) -> int:
        """Floating-point operations: 2 x MACs plus the element-wise operations."""
        return 2 * self.macs + self.elementwise

    @property
    def bytes_moved(self) -> int:
        """Bytes read and written."""
        return self.bytes_read + self.bytes_written

    def seconds(self, profile: Profile) -> float:
        """How long it takes on a device, by the device's profile."""
        return profile.seconds(self)


class Launch(NamedTuple):
    """A kernel, and the position in the graph of the node that it runs for."""

    kernel: Kernel
    place: int
