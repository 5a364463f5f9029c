"""Anchors: what some networks' measured times say of a device, as a factor for each part of a predicted time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .parts import Parts

# Standard deviations of logarithms, before anything was measured. The device as a whole may be off by any factor (a Cauchy
# distribution of this width); beside it each part may be off by some 10 %, the memory's by less, its rate being a plain fact.
_WHOLE = 0.05
_PARTS = Parts(fixed=0.1, memory=0.05, cache=0.1, vector=0.1, product=0.1)
_NETWORK = 0.1  # how far a single network's time lies from what the rates of its device say
_ROUNDS = 30


def factors(predicted: Sequence[Parts], measured: Sequence[float]) -> Parts:
    """The likeliest factors for the parts of a device's times.

    A few networks tell less than there are parts: what they leave open stays as it was predicted, or follows their common factor.

    Args:
        predicted: seconds of each network that was measured, by part.
        measured: seconds that each took.

    """
    parts, seconds = np.array(predicted), np.array(measured)
    own = np.square(np.array(_PARTS))
    logs = np.zeros(parts.shape[1])
    whole = float(np.median(np.log(seconds / parts.sum(1))))
    for _ in range(_ROUNDS):
        made = parts * np.exp(logs)
        shares = made / made.sum(1)[:, None]
        variance = (_WHOLE**2 + whole**2) / 2  # of the common factor, as its own size says
        prior = variance + np.diag(own)
        noise = _NETWORK**2 * np.eye(len(seconds))
        residual = np.log(seconds / made.sum(1)) + shares @ logs
        gain = np.linalg.solve(shares @ prior @ shares.T + noise, residual)
        found = prior @ shares.T @ gain
        whole = float(variance * (shares.sum(1) @ gain))
        if np.abs(found - logs).max() < 1e-9:
            break
        logs = found
    return Parts(*(float(value) for value in np.exp(logs)))
