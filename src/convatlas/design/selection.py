"""Selection: the candidates that keep all limits, ranked, those that miss them, and advice in words that is computed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..errors import ConvatlasError
from .candidate import Candidate, Setting
from .figures import ACCURACY, FIGURES, Figure, front
from .limits import Limit, Miss
from .ranking import Ranking

_NEAR = 3  # misses that are told
_LITTLE = 1.0  # percent points of accuracy that a much cheaper network may lack to be worth a word
_MUCH = 0.2  # share of a cost


class NothingFitsError(ConvatlasError):
    """No candidate keeps all limits."""


@dataclass(frozen=True, kw_only=True)
class Selection:
    """What was found.

    Attributes:
        setting: what times and training memory hold for.
        limits: that count.
        ranking: in which order the rows come.
        weighed: the figures of the front.
        rows: all that fit, the best first.
        misses: those that break a limit, by the largest share that they exceed one by.
        unknown: how many others were left out, as a figure that counts is not known of them.

    """

    setting: Setting
    limits: tuple[Limit, ...]
    ranking: Ranking
    weighed: tuple[Figure, ...]
    rows: list[Candidate]
    misses: list[Miss]
    unknown: int

    @property
    def near_misses(self) -> list[Miss]:
        """The nearest of those that would come first if they kept the limits."""
        if not self.rows:
            return self.misses[:_NEAR]
        figure = self.ranking.figures[0]
        least = figure.merit(self.rows[0])
        return [miss for miss in self.misses if figure.merit(miss.candidate) > least][:_NEAR]

    def axes(self, x: Figure | None = None, y: Figure | None = None) -> tuple[Figure, Figure]:
        """What a chart draws across and upwards where nothing is said: an accuracy upwards, and a time across if there is one."""
        upwards = y or next((figure for figure in self.weighed if figure.more_is_better), self.weighed[0])
        others = [figure for figure in self.weighed if figure != upwards] or [upwards]
        return x or next((figure for figure in others if figure.key == "speed"), others[0]), upwards

    @property
    def advice(self) -> str:
        """What to take, what a little less would save, and what a little more would bring."""
        best = self.rows[0]
        figure = self.ranking.figures[0]
        words = [f"Take {best.label}: {_facts(best, self._told)}"]
        for cap in self.limits:
            if cap.figure.key == "speed" and best.latency_interval_ms and best.latency_interval_ms[1] > cap.bound:
                words[0] += f"; it may take up to {cap.figure.show(best.latency_interval_ms[1])}, beyond the limit"
        if cheaper := self._cheaper():
            words.append(cheaper)
        if near := self.near_misses:
            miss = near[0]
            words.append(
                f"{miss.candidate.label} would reach {figure.show(_value(figure, miss.candidate))}, but misses {miss.in_words}"
            )
        return ". ".join(words) + "."

    @property
    def _told(self) -> list[Figure]:
        return list(dict.fromkeys([*self.ranking.figures, *self.weighed]))

    def _cheaper(self) -> str:
        """A row that is nearly as accurate as the first one and costs much less, in words; "" if there is none."""
        best, accuracy = self.rows[0], self.ranking.figures[0]
        cost = next((figure for figure in self.weighed if not figure.more_is_better), None)
        if not accuracy.more_is_better or cost is None:
            return ""
        close = [each for each in self.rows if accuracy.merit(best) - accuracy.merit(each) <= _LITTLE]
        cheapest = min(close, key=lambda each: _value(cost, each))
        saved = 1 - _value(cost, cheapest) / _value(cost, best)
        if saved < _MUCH:
            return ""
        lost = accuracy.merit(best) - accuracy.merit(cheapest)
        return f"{cheapest.label} gives up {lost:.2f} points of {accuracy.title} for {100 * saved:.0f} % less {cost.title}"


def select(candidates: Sequence[Candidate], limits: Sequence[Limit], ranking: Ranking, setting: Setting) -> Selection:
    """The candidates that keep all limits, ranked.

    Raises:
        NothingFitsError: there is none; tells the nearest ones, and what each misses by.

    """
    weighed = _weighed(ranking, limits, setting, any(each.top1 is not None for each in candidates))
    known, rows, misses = 0, [], []
    for each in candidates:
        if any(figure.value(each) is None for figure in (*ranking.figures, *(cap.figure for cap in limits))):
            continue
        known += 1
        excess = {cap.figure.key: share for cap in limits if (share := cap.miss(each))}
        if excess:
            misses.append(Miss(each, excess))
        else:
            rows.append(each)
    misses.sort(key=lambda miss: (miss.worst, miss.candidate.word))
    best = {id(each) for each in front([each for each in rows if None not in [figure.value(each) for figure in weighed]], weighed)}
    found = Selection(
        setting=setting,
        limits=tuple(limits),
        ranking=ranking,
        weighed=weighed,
        rows=[replace(each, on_front=True) if id(each) in best else each for each in ranking.ordered(rows)],
        misses=misses,
        unknown=len(candidates) - known,
    )
    if not found.rows:
        raise NothingFitsError(_nothing(found))
    return found


def _weighed(ranking: Ranking, limits: Sequence[Limit], setting: Setting, accurate: bool) -> tuple[Figure, ...]:
    """The figures of the front: those that are ranked by, or of one alone that and what stands against it."""
    figures = ranking.figures
    if len(figures) > 1:
        return figures
    if accurate and not figures[0].more_is_better:
        return (ACCURACY, *figures)
    costs = [cap.figure for cap in limits if not cap.figure.more_is_better]
    usual = FIGURES["speed" if setting.device else "macs"]
    against = [figure for figure in (*costs, usual, FIGURES["params"]) if figure not in figures]
    return tuple(dict.fromkeys((*figures, *(costs or against[:1]))))


def _nothing(found: Selection) -> str:
    if not found.misses:
        return "no network is left of which all figures that count are known; ask for fewer, or for other families"
    near = "; ".join(f"{miss.candidate.label} misses {miss.in_words}" for miss in found.misses[:_NEAR])
    return f"nothing keeps {', '.join(cap.in_words for cap in found.limits)}; the nearest: {near}"


def _facts(candidate: Candidate, figures: Sequence[Figure]) -> str:
    values = [(figure, figure.value(candidate)) for figure in figures]
    return ", ".join(f"{figure.show(value)} {figure.title}" for figure, value in values if value is not None)


def _value(figure: Figure, candidate: Candidate) -> float:
    value = figure.value(candidate)
    assert value is not None
    return value
