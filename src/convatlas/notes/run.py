"""Runs the claims in the notes' order and judges each."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Literal

from .claim import Claim, Value
from .shown import computed_text

Verdict = Literal["holds", "holds as rounded", "differs", "not computable"]
SECTIONS = (  # files of this folder, in the notes' order: English and Chinese heading
    ("alexnet", "AlexNet", "AlexNet"),
    ("memory", "Memory for training", "关于Model总显存占用的计算"),
    ("zfnet", "ZFNet", "ZFNet"),
    ("vgg", "VGG", "VGG"),
    ("alexnet_vgg", "AlexNet against VGG-16", "AlexNet 与 VGG-16 的比较"),
    ("googlenet", "GoogLeNet", "GoogLeNet"),
    ("resnet", "ResNet", "ResNet"),
    ("resnext", "ResNeXt", "ResNeXt"),
    ("senet", "SENet", "SENet"),
    ("densenet", "DenseNet", "DenseNet"),
    ("mobilenet", "MobileNet", "Mobile Net"),
    ("search", "Neural architecture search", "Neural Architecture Search"),
    ("efficientnet", "EfficientNet", "EfficientNet"),
    ("summary", "Summary", "总结"),
)


@dataclass(frozen=True, kw_only=True)
class Record:
    """A claim, what came out, and whether it holds. ``computed`` is in base units: bytes, MACs, parameters, 1."""

    claim: Claim
    computed: Value | None
    verdict: Verdict

    @property
    def computed_text(self) -> str:
        """The computed value for people: exact, and in the printed unit."""
        return "" if self.computed is None else computed_text(self.computed, self.claim.published)


@cache
def all_claims() -> tuple[Claim, ...]:
    """Every claim, in the notes' order."""
    return tuple(claim for name, _, _ in SECTIONS for claim in importlib.import_module(f".sections.{name}", __package__).CLAIMS)


def run_claims(claims: Iterable[Claim] | None = None) -> Iterator[Record]:
    """Compute and judge claims, all of them unless some are given."""
    for claim in all_claims() if claims is None else claims:
        computed = None if claim.compute is None else claim.compute()
        yield Record(claim=claim, computed=computed, verdict=judge(claim, computed))


def judge(claim: Claim, computed: Value | None) -> Verdict:
    """Whether the computed value is the published one."""
    published = claim.published
    if computed is None:
        return "not computable"
    expected = published.value
    if expected is None or isinstance(computed, str):
        return "holds" if computed == published.text else "differs"
    got = computed / published.factor
    if published.relation != "=":
        return "holds" if (got > expected if published.relation == ">" else got < expected) else "differs"
    off = abs(got - expected)
    if off <= 1e-9 * max(abs(expected), 1):
        return "holds"
    return "holds as rounded" if off <= published.tolerance * (1 + 1e-9) else "differs"
