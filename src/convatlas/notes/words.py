"""The words around the claims, in English and Chinese."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Literal

from .claim import Claim
from .run import SECTIONS, Record

Language = Literal["en", "zh"]

LECTURE_URL = "https://web.eecs.umich.edu/~justincj/teaching/eecs498/"
WORDS = {
    "title": ("CNN architectures: the notes, computed", "CNN Architectures：可以运行的笔记"),
    "lecture": (
        "The notes follow lecture 8, “CNN Architectures”, of the University of Michigan's course EECS 498/598, Deep Learning for "
        "Computer Vision:",
        "笔记依据密歇根大学课程 EECS 498/598（Deep Learning for Computer Vision）第 8 讲 “CNN Architectures”：",
    ),
    "all": ("all", "全部"),
    "section": ("section", "章节"),
    "every section": ("all sections", "全部章节"),
    "shown": ("{shown} of {all} claims", "{all} 条论断中的 {shown} 条"),
    "none": ("No claim here has this verdict.", "此处没有这种结论的论断。"),
    "claim": ("claim", "论断"),
    "published": ("published", "原文数值"),
    "computed": ("computed", "计算结果"),
    "verdict": ("verdict", "结论"),
    "found": ("found in", "出处"),
    "why": ("why", "原因"),
    "convention": (
        "Every computed value comes from the graph of a network or of a small module built for it: batch 1 unless said, float32; "
        "1 KB = 1024 B; FLOPs in the lecture's sense, 1 = a multiply and its add (1 MAC); poolings count their windows.",
        "所有计算结果都来自网络或为此构建的小模块的计算图：除非另有说明，batch 为 1，float32；1 KB = 1024 B；"
        "FLOPs 按课程约定，一次乘加算一次（1 MAC）；池化按窗口大小计。",
    ),
    "holds": ("holds", "成立"),
    "holds as rounded": ("holds as rounded", "四舍五入后成立"),
    "differs": ("differs", "不符"),
    "not computable": ("not computable", "无法计算"),
    "text": ("the notes", "笔记正文"),
    "slide": ("slide", "幻灯片"),
    "spoken": ("spoken", "课堂讲述"),
    "other notes": ("others' notes", "他人笔记"),
    "arithmetic": ("arithmetic", "推算"),
    "paper": ("paper", "论文"),
}


def word(key: str, language: Language) -> str:
    """One of `WORDS`."""
    return WORDS[key][language == "zh"]


def heading(section: str, language: Language) -> str:
    """A section's heading."""
    return next((zh if language == "zh" else en) for name, en, zh in SECTIONS if name == section)


def claim_text(claim: Claim, language: Language) -> str:
    """What is claimed."""
    return claim.text_zh if language == "zh" else claim.text_en


def why(claim: Claim, language: Language) -> str:
    """Why it differs or cannot be computed; empty otherwise."""
    return claim.why_zh if language == "zh" else claim.why_en


def tally(records: Iterable[Record], language: Language) -> str:
    """As "250 claims: 90 hold, 120 hold as rounded, 30 differ, 10 are not computable here"."""
    counts = Counter(record.verdict for record in records)
    total, holds, rounded = counts.total(), counts["holds"], counts["holds as rounded"]
    differs, open_ = counts["differs"], counts["not computable"]
    if language == "zh":
        return f"共 {total} 条论断：{holds} 条成立，{rounded} 条四舍五入后成立，{differs} 条不符，{open_} 条在此无法计算。"
    return f"{total} claims: {holds} hold, {rounded} hold as rounded, {differs} differ, {open_} cannot be computed here."
