"""The comparison of complexity, whose axis has another unit than the rest of the lecture, and AlexNet's machine."""

from __future__ import annotations

from functools import partial

from .. import measure as m
from ..claim import Claim, printed

CLAIMS = [
    Claim(
        id="summary.vgg16_gops",
        section="summary",
        text_en='"Comparing complexity" (Canziani et al.): VGG-16 at about 31 G-Ops; there an operation is a multiply or an add, 2 x MACs',
        text_zh="“Comparing Complexity”（Canziani 等）：VGG-16 约 31 G-Ops；该图把乘和加各算一次，即 2×MACs",
        published=printed("31", "G operations"),
        compute=lambda: 2 * m.cost("vgg16").macs,
        found="slide",
    ),
    Claim(
        id="summary.vgg16_macs",
        section="summary",
        text_en="the same axis read in the lecture's unit, MACs",
        text_zh="若按本课程的单位（MACs）读同一坐标轴",
        published=printed("31", "G MACs"),
        compute=partial(m.macs, "vgg16"),
        found="slide",
        why_en="the plot counts multiplications and additions apart, so its axis is twice the lecture's",
        why_zh="该图分别计乘法与加法，坐标是本课程单位的两倍",
    ),
    Claim(
        id="summary.gpus",
        section="summary",
        text_en="AlexNet was trained on two GTX 580",
        text_zh="AlexNet 用两块 GTX 580 训练",
        published=printed("2", "GPUs"),
        compute=None,
        found="spoken",
        why_en="a fact about the authors' machine",
        why_zh="这是关于作者所用机器的事实",
    ),
    Claim(
        id="summary.gpu_memory",
        section="summary",
        text_en="of 3 GB each",
        text_zh="每块 3GB 显存",
        published=printed("3", "GB"),
        compute=None,
        found="spoken",
        why_en="a fact about the authors' machine",
        why_zh="这是关于作者所用机器的事实",
    ),
]
