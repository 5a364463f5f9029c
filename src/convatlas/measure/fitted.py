"""From rows that were measured here to this machine's profile."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ..analysis.latency import observe_kernels
from ..devices.card import Card
from ..devices.conditions import Conditions
from ..devices.fit import Fit, fit, fitted_profile
from ..devices.models import MODELS
from ..devices.observation import Observation, seen_shares
from ..devices.profile import CALL_SECONDS, Profile
from .rows import Row

_WEIGHT_OF_A_NETWORK = 10  # of ops: it is what is to be predicted, and ops alone take longer than within one


def profile_of(rows: Sequence[Row], card: Card, conditions: Conditions, source: str, model: str = "cpu") -> Profile:
    """The profile of rows, validated on the networks among them, each predicted from the ops and the other networks.

    Args:
        rows: as measured.
        card: the device's datasheet, or what was measured in its place.
        conditions: that they were measured under.
        source: of the profile.
        model: of time, in `MODELS`.

    Raises:
        ConvatlasError: there are too few rows.

    """
    observations = [_observation(row, card, model) for row in rows for _ in range(_WEIGHT_OF_A_NETWORK if row.network else 1)]
    found = fit(observations, MODELS[model].expected)
    whole = [place for place, each in enumerate(observations) if each.family == "network"][::_WEIGHT_OF_A_NETWORK]
    networks = [observations[place] for place in whole]
    errors = found.left_out[np.array(whole)]
    profile = fitted_profile(
        conditions.name(card.name), card, conditions, networks, Fit(found.coefficients, errors, errors), 1.0, source
    )
    seen = {kind: round(share, 4) for kind, share in seen_shares(observations, found.coefficients).items()}
    return replace(profile, model=model, seen=seen)


def _observation(row: Row, card: Card, model: str) -> Observation:
    name, _, _ = row.name.partition(" at batch ")
    return observe_kernels(
        name, row.kernels, card, family="network" if row.network else next(iter(row.kernels)).kind, seconds=row.seconds, model=model,
        constant=CALL_SECONDS if row.network else 0.0,
    )  # fmt: skip
