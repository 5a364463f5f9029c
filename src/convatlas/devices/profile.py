"""Profile: how efficiently kernels run on a device, as data."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from ..errors import ConvatlasError
from ..names import natural_key, unknown_name
from .card import Card, card, card_from, list_cards
from .conditions import Conditions
from .kernel import Kernel
from .models import MODELS
from .own import own_profiles
from .term import Term

FORMAT = 1
LEAST_SHARE = 0.9  # of what the datasheet allows: a clock may lie above the datasheet's by so much
CALL_SECONDS = 1e-4  # what a call of the network takes once, before its coefficient


@dataclass(frozen=True, kw_only=True)
class Profile:
    """A device's coefficients under some conditions, with how good they are.

    Attributes:
        name: of the profile, as in "rtx3090-amp-nchw-torch2.4".
        card: the device's datasheet.
        conditions: what the timings were taken under.
        model: of time, in `MODELS`, whose terms the coefficients belong to.
        coefficients: term -> inverse efficiency, without a unit and never negative.
        passes: forward passes that all of it is taken for: above 1 for a training step.
        source: where the timings are from.
        networks: how many timings it was fitted on.
        validation: how predictions of left-out networks did: "networks" one by one, "families" as a whole; and by family.
        interval: 5 and 95 % quantiles of log(predicted / measured), for "ordinary" networks and for "unfamiliar" ones.
        seen: kind of term -> the largest share of a network's time that it had among those fitted on.

    """

    name: str
    card: Card
    coefficients: dict[str, float]
    conditions: Conditions = field(default_factory=Conditions)
    model: str = "gpu"
    passes: float = 1.0
    source: str = ""
    networks: int = 0
    validation: dict[str, Any] = field(default_factory=dict)
    interval: dict[str, tuple[float, float]] = field(default_factory=dict)
    seen: dict[str, float] = field(default_factory=dict)
    _seconds: dict[Kernel, float] = field(default_factory=dict, repr=False, compare=False)

    @property
    def fitted(self) -> Profile:
        """The profile whose coefficients these are: itself."""
        return self

    @property
    def threads(self) -> int:
        """Those of the CPU whose kernels it tells the time of; 0 for a GPU's."""
        return self.card.processors if self.model == "cpu" else 0

    def seconds(self, kernel: Kernel) -> float:
        """How long a kernel takes."""
        known = self._seconds.get(kernel)
        if known is None:
            known = LEAST_SHARE * MODELS[self.model].least_seconds(kernel, self.card)
            known += sum([self.coefficients.get(name, 0.0) * seconds for name, seconds in self.terms(kernel)])
            known = self._seconds[kernel] = known * self.passes
        return known

    def terms(self, kernel: Kernel) -> Iterator[Term]:
        """What a kernel's time is made of: names of coefficients, and seconds at the device's rates."""
        return MODELS[self.model].terms(kernel, self.card)

    @property
    def call_seconds(self) -> float:
        """What a call of the network takes once, beside its kernels."""
        return self.coefficients.get("constant", 0.0) * CALL_SECONDS * self.passes

    def once_seconds(self, kernels: Collection[Kernel]) -> float:
        """What kernels that differ take once in a pass, beside each one's own time."""
        return self.passes * sum([self.coefficients.get(name, 0.0) * seconds for name, seconds in MODELS[self.model].once(kernels)])

    def to_json(self) -> str:
        """The profile as JSON text, one coefficient a line."""
        data = {each.name: getattr(self, each.name) for each in fields(self) if not each.name.startswith("_")}
        data |= {"card": asdict(self.card), "conditions": asdict(self.conditions)}
        return json.dumps({"format": FORMAT} | data, indent=1)


def from_json(text: str, place: str) -> Profile:
    """The profile that `Profile.to_json` wrote.

    Raises:
        ConvatlasError: it is none, of another format, or has a negative coefficient; the message names the place.

    """
    try:
        data = json.loads(text)
    except ValueError as error:
        raise ConvatlasError(f"{place}: no profile: {error}") from None
    if not isinstance(data, dict) or data.pop("format", None) != FORMAT:
        raise ConvatlasError(f"{place}: no profile of format {FORMAT}")
    try:
        sheet, conditions = data.pop("card"), data.pop("conditions")
        intervals = {key: (float(low), float(high)) for key, (low, high) in data.pop("interval").items()}
        profile = Profile(
            card=card_from(sheet, place, str(data["name"])), conditions=Conditions(**conditions), interval=intervals, **data
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ConvatlasError(f"{place}: a damaged profile: {error}") from None
    if profile.model not in MODELS:
        raise ConvatlasError(f"{place}: unknown model of time {profile.model!r:.40}; there are {', '.join(MODELS)}")
    if bad := [name for name, value in profile.coefficients.items() if not isinstance(value, int | float) or not value >= 0]:
        raise ConvatlasError(
            f"{place}: a coefficient must be a number of at least 0, {bad[0]} is {profile.coefficients[bad[0]]!r:.40}"
        )
    return profile


def read_profile(path: Path) -> Profile:
    """The profile in a file.

    Raises:
        ConvatlasError: as `from_json`, or the file cannot be read.

    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConvatlasError(f"{path}: no profile that can be read: {error}") from None
    return from_json(text, str(path))


@cache
def _shipped() -> Mapping[str, str]:
    """Name -> place of the profiles that come with the package; the text is read when it is asked for."""
    folder = files("convatlas.devices").joinpath("profiles")
    return {path.name.removesuffix(".json"): str(path) for path in folder.iterdir() if path.name.endswith(".json")}


@cache
def shipped(name: str) -> Profile:
    """A profile that comes with the package."""
    place = _shipped()[name]
    return from_json(Path(place).read_text(encoding="utf-8"), place)


def list_profiles() -> list[str]:
    """Names of the profiles that come with the package, in natural order."""
    return sorted(_shipped(), key=natural_key)


def profiled_devices() -> list[str]:
    """Devices that have a profile."""
    return sorted({name.split("-")[0] for name in _shipped()}, key=natural_key)


def nearest(to: Card) -> str:
    """The device with a profile whose datasheet is the most alike: in bandwidth, and in FLOPs a byte."""

    def distance(name: str) -> float:
        other = card(name)
        bandwidth, peaks = (math.log(mine / its) for mine, its in ((to.bandwidth, other.bandwidth), (_peak(to), _peak(other))))
        return abs(bandwidth) + abs(peaks - bandwidth)

    return min(profiled_devices(), key=distance)


def _peak(sheet: Card) -> float:
    return sheet.peak("float16")


def find(device: str, conditions: Conditions) -> Profile:
    """The profile of a device whose conditions are nearest: the same compilation first, then layout and precision.

    Of several versions of torch the newest counts, where none is said. The user's own profiles count as those that are shipped.

    Raises:
        ConvatlasError: the device has no profile, or none of training steps (of inference); the message says how to go on.

    """
    own = {name: path for name, path in own_profiles().items() if name.split("-")[0] == device}
    names = [*own, *(name for name in list_profiles() if name.split("-")[0] == device)]
    if not names:
        raise _no_profile(device)
    what = "a training step" if conditions.training else "inference"
    fitting = [name for name in names if ("-training" in name) == conditions.training]
    if not fitting:
        others = sorted({name.split("-")[0] for name in list_profiles() if ("-training" in name) == conditions.training})
        raise ConvatlasError(f"{device} has no profile of {what}; take that of {' or '.join(others)} with --like")

    profiles = {name: read_profile(own[name]) if name in own else shipped(name) for name in fitting}

    def likeness(name: str) -> tuple[bool, bool, bool, bool, tuple[int, int]]:
        found = profiles[name].conditions
        return (
            found.compiled == conditions.compiled,
            found.layout == conditions.layout,
            found.precision == conditions.precision,
            found.torch == conditions.torch,
            found.version or (0, 0),
        )

    return profiles[max(fitting, key=likeness)]


def _no_profile(device: str) -> ConvatlasError:
    known = profiled_devices()
    if device in list_cards():
        return ConvatlasError(
            f"{device} has a datasheet but no profile: take that of a measured device, --like {nearest(card(device))} (there are "
            f"{', '.join(known)})"
        )
    own = sorted({name.split("-")[0] for name in own_profiles()})
    way_out = (
        f"there are profiles of {', '.join([*own, *known])}; `convatlas calibrate` makes one of this machine, `convatlas fit-device` one "
        "from published timings"
    )
    return unknown_name("device", device, list(dict.fromkeys([*own, *known, *list_cards()])), way_out)
