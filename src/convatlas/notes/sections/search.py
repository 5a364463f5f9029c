"""Neural architecture search: what it cost, and what it found."""

from __future__ import annotations

from .. import measure as m
from ..claim import Claim, less_than, printed

EXPENSE_EN = "an expense that the authors report; no network's structure tells it"
EXPENSE_ZH = "这是作者报告的开销，无法由网络结构算出"
CLAIMS = [
    Claim(
        id="search.gpus",
        section="search",
        text_en="the first search took 800 GPUs",
        text_zh="最初的 NAS 使用了 800 块 GPU",
        published=printed("800", "GPUs"),
        compute=None,
        found="slide",
        why_en=EXPENSE_EN,
        why_zh=EXPENSE_ZH,
    ),
    Claim(
        id="search.days",
        section="search",
        text_en="for 28 days",
        text_zh="运行了 28 天",
        published=printed("28", "days"),
        compute=None,
        found="slide",
        why_en=EXPENSE_EN,
        why_zh=EXPENSE_ZH,
    ),
    Claim(
        id="search.progress",
        section="search",
        text_en="it has made good progress: MACs of NASNet-A (mobile), at 74.0 % top-1, against VGG-16, at 74.4 %",
        text_zh="目前也取得了不错的进步：NASNet-A（mobile，top-1 74.0%）与 VGG-16（74.4%）的乘加次数之比",
        published=less_than("0.1", "x"),
        compute=lambda: m.cost("nasnetamobile").macs / m.cost("vgg16").macs,
        found="text",
    ),
]
