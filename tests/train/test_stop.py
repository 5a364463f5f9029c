"""Signals end a training between two steps; a second one does not cut the writing of its state."""

from __future__ import annotations

import os
import signal

import pytest

from convatlas.train.stop import Stop


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_only_the_first_signal_counts_and_none_raises(number: int, capsys: pytest.CaptureFixture[str]) -> None:
    before = signal.getsignal(number)
    with Stop() as stop:
        assert stop.signal is None
        os.kill(os.getpid(), number)
        os.kill(os.getpid(), signal.SIGINT)
        assert stop.signal == number
    assert signal.getsignal(number) == before
    assert capsys.readouterr().err.count("stopping") == 1
