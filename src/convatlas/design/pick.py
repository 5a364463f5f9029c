"""Pick: which of the proven networks keep some limits, the best first."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..catalogue.curve import LARGEST_BATCH
from ..catalogue.proven import TIMM, Proven, proven, timings
from ..errors import ConvatlasError
from ..names import matching, unknown_name
from ..sizes import in_bytes
from .candidate import Candidate, Setting, candidate
from .figures import FIGURES
from .limits import Limit, limit
from .ranking import Rank, Ranking, ranking_of
from .selection import Selection, select

ANY = "any"
_LIKE_COSTS = ("params", "macs", "memory")


def pick(
    *,
    max_params: float | None = None,
    max_macs: float | None = None,
    max_latency_ms: float | None = None,
    device: str | None = None,
    batch: int = 1,
    max_train_memory_bytes: int | str | None = None,
    precision: str = "amp",
    input_size: int | Sequence[int] | None = None,
    pretrained: str = ANY,
    families: str | Sequence[str] | None = None,
    rank: Rank | None = None,
    like: str | None = None,
    folder: str | Path | None = None,
    limit: int | None = 20,
) -> list[Candidate]:
    """The proven networks that keep all limits, the best first: ``.name .weights .top1 .params .macs .latency_ms .on_front``, ....

    Args:
        max_params: parameters.
        max_macs: multiply-accumulates for one image.
        max_latency_ms: milliseconds of one batch on ``device``, predicted.
        device: one that has a profile, as "rtx4090"; without it there are no times.
        batch: images at once, of times and training memory; from 1 to 256.
        max_train_memory_bytes: the peak of a training step of ``batch`` images, SGD with momentum, as 8 * 2**30 or "8GiB"; on CUDA
            unless ``device`` is a CPU. What the process takes beside the tensors is not in it (see `fit`).
        precision: of times and training memory, "amp" or "fp32".
        input_size: only weights that were tested with such images, as 224 or (3, 224, 224).
        pretrained: "in1k" for weights that saw ImageNet-1k alone; "in12k", "in22k" or another data set; or "any".
        families: patterns of names or families, as "convnext*" or ["resnet*", "regnet"].
        rank: "accuracy", "real", "v2", "sketch", "a", "r", "robust" (the mean of the last four), "speed", "params", "macs" or
            "memory"; several are a Pareto front, "accuracy,speed", or weighed, "accuracy=2,speed=1". By default accuracy, in a folder
            speed, or MACs without a device.
        like: a network, or a weight set, to be beaten: at least as good in the first figure, in no cost above it, better in one.
        folder: of Python files with one's own networks, in place of the proven ones.
        limit: the most rows; None is all.

    Raises:
        NothingFitsError: no network keeps all limits; tells the nearest, and by what each misses.
        ConvatlasError: a limit, name or figure that cannot be.

    """
    if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int) or limit < 1):
        raise ConvatlasError(f"`limit` (={limit!r}) must be a whole number of at least 1, or None for all")
    found = selection(
        max_params=max_params, max_macs=max_macs, max_latency_ms=max_latency_ms, device=device, batch=batch,
        max_train_memory_bytes=max_train_memory_bytes, precision=precision, input_size=input_size, pretrained=pretrained,
        families=families, rank=rank, like=like, folder=folder,
    )  # fmt: skip
    return found.rows[:limit]


def selection(
    *,
    max_params: float | None = None,
    max_macs: float | None = None,
    max_latency_ms: float | None = None,
    device: str | None = None,
    batch: int = 1,
    max_train_memory_bytes: int | str | None = None,
    precision: str = "amp",
    input_size: int | Sequence[int] | None = None,
    pretrained: str = ANY,
    families: str | Sequence[str] | None = None,
    rank: Rank | None = None,
    like: str | None = None,
    folder: str | Path | None = None,
) -> Selection:
    """The same with everything that was found: also what misses the limits, and advice; see `pick`."""
    setting = _setting(device, batch, precision)
    memory = None if max_train_memory_bytes is None else in_bytes(max_train_memory_bytes, "max_train_memory_bytes")
    limits = [
        *limit("params", max_params, "max_params"),
        *limit("macs", max_macs, "max_macs"),
        *limit("speed", max_latency_ms, "max_latency_ms"),
        *limit("memory", memory, "max_train_memory_bytes"),
    ]
    usual = "accuracy" if folder is None else "speed" if device else "macs"
    ranking = ranking_of(usual if rank is None else rank)
    _check_device(limits, ranking, setting)
    size = _side(input_size)
    if folder is not None:
        from .own import candidates_in

        return select(candidates_in(Path(folder), setting, size), limits, ranking, setting)
    pool = [candidate(each, setting) for each in _filtered(size, pretrained, families)]
    if like is not None:
        reference = _reference(like, setting, ranking)
        limits += _at_least_as_good(reference, ranking)
        pool = [each for each in pool if _differs(each, reference, limits)]
    return select(pool, limits, ranking, setting)


def _setting(device: str | None, batch: int, precision: str) -> Setting:
    known = timings()
    if device is not None and device not in known:
        raise unknown_name(
            "device", device, known, f"the catalogue has times on {', '.join(known)}; see `convatlas speed` for others"
        )
    precisions = next(iter(known.values()))
    if precision not in precisions:
        raise ConvatlasError(f"the catalogue has times and memory in {' and '.join(precisions)}, not in {precision!r}")
    if isinstance(batch, bool) or not isinstance(batch, int) or not 1 <= batch <= LARGEST_BATCH:
        raise ConvatlasError(
            f"`batch` (={batch!r}) must be a whole number from 1 to {LARGEST_BATCH}, for which the catalogue has figures"
        )
    return Setting(device=device, batch=batch, precision=precision)


def _check_device(limits: Sequence[Limit], ranking: Ranking, setting: Setting) -> None:
    if setting.device is None and FIGURES["speed"] in (*(cap.figure for cap in limits), *ranking.figures):
        raise ConvatlasError(f"a time depends on the device; name one: {', '.join(timings())}")


def _side(size: int | Sequence[int] | None) -> int | None:
    if size is None or isinstance(size, int):
        side = size
    else:
        *_, height, side = (3, *size)
        if len(size) != 3 or size[0] != 3 or height != side:
            raise ConvatlasError(f"`input_size` (={tuple(size)}) must be square images of 3 channels, as (3, 224, 224)")
    if side is not None and side < 1:
        raise ConvatlasError(f"`input_size` (={side}) must be at least 1 pixel")
    return side


def _filtered(size: int | None, pretrained: str, families: str | Sequence[str] | None) -> list[Proven]:
    found = list(proven())
    seen = sorted({each.pretrained for each in found})
    if pretrained not in (ANY, *seen):
        raise unknown_name("pre-training", pretrained, [ANY, *seen], f"there are {', '.join([ANY, *seen])}")
    sizes = sorted({each.size for each in found})
    if size is not None and size not in sizes:
        raise ConvatlasError(f"no weights were tested with images of {size} px; there are {', '.join(map(str, sizes))}")
    if families is not None:
        names = _named([families] if isinstance(families, str) else list(families))
        found = [each for each in found if each.name in names]
    kept = [each for each in found if pretrained in (ANY, each.pretrained) and size in (None, each.size)]
    if not kept:
        raise ConvatlasError(
            f"none of the {len(found)} weight sets asked for is of pre-training {pretrained}{f' and tested at {size} px' if size else ''}"
        )
    return kept


def _named(patterns: Sequence[str]) -> set[str]:
    """The networks whose name, with or without its library, or whose family a pattern matches."""
    by_text: dict[str, set[str]] = {}
    for each in proven():
        for text in (each.name, each.name.removeprefix(TIMM), each.family):
            by_text.setdefault(text, set()).add(each.name)
    names: set[str] = set()
    for pattern in (part.strip() for given in patterns for part in given.split(",")):
        hits = matching(by_text, pattern)
        if not hits:
            raise unknown_name("family", pattern, sorted({each.family for each in proven()}), "see `convatlas pick --limit 1000`")
        names.update(*(by_text[text] for text in hits))
    return names


def _reference(word: str, setting: Setting, ranking: Ranking) -> Candidate:
    """The candidate that a word stands for; of several weight sets and sizes the one that ranks first."""
    found = [candidate(each, setting) for each in proven()]
    named = [each for each in found if word in (each.name, each.word)] or [
        each for each in found if word in (each.name.removeprefix(TIMM), each.word.removeprefix(TIMM))
    ]
    if not named:
        known = sorted({each.word for each in found} | {each.name for each in found})
        raise unknown_name("proven network", word, known, "`like` names a network of the catalogue, or one of its weight sets")
    figure = ranking.figures[0]
    having = [each for each in named if figure.value(each) is not None]
    if not having:
        raise ConvatlasError(f"{word} has no {figure.title} that is known; rank by another figure")
    return max(having, key=figure.merit)


def _at_least_as_good(reference: Candidate, ranking: Ranking) -> list[Limit]:
    keys = [*_LIKE_COSTS, *(["speed"] if reference.latency_ms else [])]
    figures = dict.fromkeys([*(FIGURES[key] for key in keys), ranking.figures[0]])
    return [Limit(figure, value) for figure in figures if (value := figure.value(reference)) is not None]


def _differs(other: Candidate, reference: Candidate, limits: Sequence[Limit]) -> bool:
    """Whether some figure that counts is another than the reference's."""
    return any(cap.figure.value(other) != cap.figure.value(reference) for cap in limits)
