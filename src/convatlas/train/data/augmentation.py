"""How training images are varied: what is drawn for each, and what is done to a whole batch at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from .errors import DataError
from .order import Purpose, stream


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """How training images are varied. The default leaves them as evaluation sees them.

    Attributes:
        crop: "none": as evaluation does. "pad": as evaluation does, then ``pad`` black pixels are put around and a crop of the
            old size is taken anywhere (He et al. 2015, section 4.2). "resized": a crop of a drawn share of the image's
            area and a drawn ratio, resized (Szegedy et al. 2014, section 6). "scale": the short side is resized to a drawn length, and
            a crop is taken anywhere (Krizhevsky et al. 2012; Simonyan and Zisserman 2014, section 3.1).
        pad: pixels on each side, for "pad".
        area: smallest and largest share of the image's area, for "resized".
        short_side: smallest and largest length of the short side in multiples of the network's input, for "scale".
        flip: mirror every other image, left to right.
        policy: "trivial" (TrivialAugmentWide), "rand" (RandAugment) or "auto" (AutoAugment for ImageNet), as torchvision has them.
        colour: largest relative change of brightness, contrast and saturation; 0 for none.
        erasing: share of the images in which a rectangle is erased.
        mixup, cutmix: alpha of the Beta distribution of the shares; 0 for none. With both, each image draws one of them.
    """

    crop: Literal["none", "pad", "resized", "scale"] = "none"
    pad: int = 4
    area: tuple[float, float] = (0.08, 1.0)
    short_side: tuple[float, float] = (256 / 224, 480 / 224)
    flip: bool = False
    policy: Literal["none", "trivial", "rand", "auto"] = "none"
    colour: float = 0.0
    erasing: float = 0.0
    mixup: float = 0.0
    cutmix: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what no image can be varied by."""
        if self.pad < 0:
            raise DataError(f"pad is a number of pixels, 0 or more; got {self.pad}")
        if not 0 < self.area[0] <= self.area[1] <= 1:
            raise DataError(f"area is two shares between 0 and 1, the smaller one first; got {self.area}")
        if not 1 <= self.short_side[0] <= self.short_side[1]:
            raise DataError(
                f"short_side is two multiples of the network's input, 1 or more, the smaller one first; got {self.short_side}"
            )
        if not 0 <= self.erasing <= 1:
            raise DataError(f"erasing is a share of the images, 0 to 1; got {self.erasing}")
        for name in ("colour", "mixup", "cutmix"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise DataError(f"{name} is 0 or more; got {getattr(self, name)}")

    @property
    def mixes(self) -> bool:
        """Whether labels are mixed, so that accuracy while training is not counted against them."""
        return self.mixup > 0 or self.cutmix > 0

    @property
    def reads_anew(self) -> bool:
        """Whether pixels other than evaluation's are needed, so that nothing can be resized once for all epochs."""
        return self.crop in ("resized", "scale") or self.policy != "none" or self.colour > 0


class Draws:
    """The random numbers of one epoch's images: entry i of each array is image i's.

    Attributes:
        top, left, flip, partner, kind, box_top, box_left, seed: uint32 (count,), each value as likely.
        mixup, cutmix: float32 (count,), the share that an image keeps, where ``augmentation`` mixes so.
    """

    def __init__(self, augmentation: Augmentation, count: int, seed: int, epoch: int) -> None:
        random = stream(Purpose.AUGMENTATION, seed, epoch).integers(0, 2**32, (count, 8), dtype=np.uint32)
        self.top, self.left, self.flip, self.partner, self.kind, self.box_top, self.box_left, self.seed = random.T
        self.mixup = _shares(Purpose.MIXUP, augmentation.mixup, count, seed, epoch)
        self.cutmix = _shares(Purpose.CUTMIX, augmentation.cutmix, count, seed, epoch)


def _shares(purpose: Purpose, alpha: float, count: int, seed: int, epoch: int) -> np.ndarray:
    if alpha <= 0:
        return np.ones(0, np.float32)
    return stream(purpose, seed, epoch).beta(alpha, alpha, count).astype(np.float32)


def below(draw: np.ndarray, limit: int) -> np.ndarray:
    """uint32 draws as whole numbers 0..limit - 1, int64."""
    return (draw.astype(np.uint64) * np.uint64(limit) >> np.uint64(32)).astype(np.int64)


def pad_crop(pixels: np.ndarray, pad: int, top: np.ndarray, left: np.ndarray) -> np.ndarray:
    """Crops of images (N, C, H, W) with ``pad`` black pixels around them; ``top`` and ``left`` are draws (N,)."""
    count, channels, height, width = pixels.shape
    padded = np.zeros((count, channels, height + 2 * pad, width + 2 * pad), pixels.dtype)
    padded[:, :, pad : pad + height, pad : pad + width] = pixels
    windows = np.lib.stride_tricks.sliding_window_view(padded, (height, width), axis=(2, 3))
    places = 2 * pad + 1
    crops: np.ndarray = windows[np.arange(count), :, below(top, places), below(left, places)]
    return crops


def mirror(pixels: np.ndarray, draw: np.ndarray) -> None:
    """Mirror images (N, C, H, W) in place where their draw lies in the lower half."""
    chosen = draw < 2**31
    pixels[chosen] = pixels[chosen, :, :, ::-1]
