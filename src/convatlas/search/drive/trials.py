"""Trials in Optuna's storage: shared by processes, taken back from those that died, and no candidate twice.

A trial says every few seconds that it lives, as a user attribute; Optuna's own heartbeat is for its own loop, and its journal has none.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from ...errors import ConvatlasError

if TYPE_CHECKING:
    from optuna import Study, Trial
    from optuna.pruners import BasePruner
    from optuna.storages import BaseStorage
    from optuna.trial import FrozenTrial

    from ..limits import Candidate
    from .samplers import Within

BEAT_SECONDS = 5.0
GRACE_SECONDS = 60.0  # without a sign of life, after which a trial is taken back
PATIENCE_SECONDS = 120.0  # that a storage which is locked or full is waited for
FIRST_PATIENCE_SECONDS = 2.0  # of two processes that make its tables at the same time one fails, and finds them then
LOCKED_SECONDS = 30.0  # that SQLite itself waits for another process at each try
_PAUSE_SECONDS = 0.05
_CONDITIONS, _BEAT, _KEY = "conditions", "beat", "key"

Result = TypeVar("Result")


class Claimed(NamedTuple):
    """A trial, and the network that nobody else has."""

    trial: Trial
    candidate: Candidate


class Trials:
    """The trials of one search.

    Args:
        storage: None for this process alone; a file of SQLite; a URL that SQLAlchemy takes; or journal:FILE.
        name: of the search in its storage.
        conditions: what its trials depend on; a storage that holds others under the name is refused.
        sampler: who proposes.
        objectives: how many; the first is the larger the better, a second the smaller.
        pruner: who ends trials early; None for nobody.

    Raises:
        ConvatlasError: the storage cannot be reached, or holds another search under the name.

    """

    def __init__(
        self,
        storage: str | Path | None,
        name: str,
        conditions: Mapping[str, object],
        sampler: Within,
        objectives: int,
        pruner: BasePruner | None,
    ) -> None:
        import optuna
        from optuna.study import StudyDirection

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self.place = str(storage or "memory")
        self.sampler = sampler
        self._given_up = False
        self.study: Study = self._patiently(
            lambda: optuna.create_study(
                study_name=name, storage=_opened(storage), sampler=sampler, pruner=pruner or optuna.pruners.NopPruner(),
                directions=[StudyDirection.MAXIMIZE, StudyDirection.MINIMIZE][:objectives], load_if_exists=True,
            ),
            patience=FIRST_PATIENCE_SECONDS,
        )  # fmt: skip
        self._check(conditions)

    def _check(self, conditions: Mapping[str, object]) -> None:
        text = json.dumps(conditions, sort_keys=True, default=str)
        known = self.study.user_attrs.get(_CONDITIONS)
        if known is None:
            self._patiently(lambda: self.study.set_user_attr(_CONDITIONS, text))
        elif known != text:
            before, now = json.loads(known), json.loads(text)
            differing = next(key for key in sorted({*before, *now}) if before.get(key) != now.get(key))
            raise ConvatlasError(
                f"{self.place} holds a search with {differing} {before.get(differing)!r:.60}, and this one has {now.get(differing)!r:.60}; "
                "give another storage"
            )

    def all(self) -> list[FrozenTrial]:
        """Every trial."""
        return self._patiently(lambda: self.study.get_trials(deepcopy=False))

    def take_back(self) -> None:
        """Fail the trials of processes that no longer give a sign of life, and have their candidates tried again."""
        from optuna.trial import TrialState

        for trial in self.all():
            if trial.state == TrialState.RUNNING and not _alive(trial):
                self._patiently(lambda number=trial.number: self.study.tell(number, state=TrialState.FAIL, skip_if_finished=True))  # type: ignore[misc]
                if _KEY in trial.user_attrs:
                    self._patiently(lambda params=trial.params: self.study.enqueue_trial(params))  # type: ignore[misc]

    def claim(self, candidate_of: Callable[[Trial], Candidate]) -> Claimed | None:
        """The next trial, with a candidate that nobody else has; None where another process was first.

        Each process publishes its candidate, and waits until all that began before it have: of equal ones the first goes on.
        """
        from optuna.trial import TrialState

        from .samplers import TAKEN

        try:
            trial = self._patiently(lambda: self.study.ask(self.sampler.space))
        except BaseException:  # nothing could be proposed for a trial that the storage has already
            if self.sampler.asked is not None:
                self.study.tell(self.sampler.asked, state=TrialState.FAIL, skip_if_finished=True)
            raise
        candidate = candidate_of(trial)
        self._patiently(lambda: trial.set_user_attr(_BEAT, time.time()))
        for key, value in candidate._asdict().items():
            self._patiently(lambda key=key, value=value: trial.set_user_attr(key, value))  # type: ignore[misc]
        while True:
            earlier = [each for each in self.all() if each.number < trial.number and each.state in TAKEN]
            if all(_KEY in each.user_attrs or each.state != TrialState.RUNNING or not _alive(each) for each in earlier):
                break
            time.sleep(_PAUSE_SECONDS)
        if any(each.user_attrs.get(_KEY) == candidate.key for each in earlier):
            self.fail(trial)
            return None
        return Claimed(trial, candidate)

    @contextmanager
    def signs_of_life(self) -> Iterator[dict[int, Trial]]:
        """While inside, the trials in a dictionary that is empty at first (number -> trial) give signs of life."""
        from optuna.exceptions import UpdateFinishedTrialError

        living: dict[int, Trial] = {}
        ended = threading.Event()

        def beat() -> None:
            while not ended.wait(BEAT_SECONDS):
                for trial in list(living.values()):
                    # finished meanwhile; or the storage is gone, which whoever waits for it says
                    with suppress(UpdateFinishedTrialError, ConvatlasError):
                        self._patiently(lambda trial=trial: trial.set_user_attr(_BEAT, time.time()))  # type: ignore[misc]

        thread = threading.Thread(target=beat, daemon=True)
        thread.start()
        try:
            yield living
        finally:
            ended.set()
            thread.join()

    def report(self, trial: Trial, step: int, value: float) -> bool:
        """Note how a trial stands after a step; whether it is to end."""
        self._patiently(lambda: trial.report(value, step))
        return self._patiently(trial.should_prune)

    def finish(self, trial: Trial, values: list[float]) -> None:
        """A trial's result."""
        self._patiently(lambda: self.study.tell(trial, values, skip_if_finished=True))

    def prune(self, trial: Trial) -> None:
        """A trial ended early."""
        from optuna.trial import TrialState

        self._patiently(lambda: self.study.tell(trial, state=TrialState.PRUNED, skip_if_finished=True))

    def fail(self, trial: Trial) -> None:
        """A trial that came to nothing; its candidate may be tried again."""
        from optuna.trial import TrialState

        self._patiently(lambda: self.study.tell(trial, state=TrialState.FAIL, skip_if_finished=True))

    def _patiently(self, call: Callable[[], Result], patience: float | None = None) -> Result:
        """A call of the storage, again and again where it is locked or full; once it was given up, later ones try it once."""
        from optuna.exceptions import StorageInternalError
        from sqlalchemy.exc import SQLAlchemyError

        until = time.monotonic() + (0.0 if self._given_up else PATIENCE_SECONDS if patience is None else patience)
        while True:
            try:
                return call()
            except (StorageInternalError, SQLAlchemyError, OSError) as error:
                if time.monotonic() >= until:
                    self._given_up = True
                    cause = error.__cause__ or error
                    reason = str(cause).partition("\n")[0]
                    raise ConvatlasError(f"the storage {self.place} cannot be used: {reason}; finished trials are kept") from error
                time.sleep(1.0)


def _alive(trial: FrozenTrial) -> bool:
    began = trial.datetime_start.timestamp() if trial.datetime_start else 0.0
    return time.time() - max(float(trial.user_attrs.get(_BEAT, 0.0)), began) < GRACE_SECONDS


def _opened(storage: str | Path | None) -> BaseStorage | None:
    from optuna.storages import JournalStorage, RDBStorage
    from optuna.storages.journal import JournalFileBackend

    if storage is None:
        return None
    text = str(storage)
    if text.startswith("journal:"):
        return JournalStorage(JournalFileBackend(text.removeprefix("journal:")))
    url = text if "://" in text else f"sqlite:///{text}"
    arguments: dict[str, Any] = {"connect_args": {"timeout": LOCKED_SECONDS}} if url.startswith("sqlite") else {}
    return RDBStorage(url, engine_kwargs=arguments)
