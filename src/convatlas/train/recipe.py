"""How a network is trained: typed, frozen, as data. `recipes/` holds them; ``--set name=value`` changes one for a run."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any, Literal, Self, get_args, get_origin, get_type_hints

from ..errors import ConvatlasError
from ..names import unknown_name
from .data import Augmentation

Choice = type(Literal["a"])  # what `Literal[...]` is an instance of


@dataclass(frozen=True, kw_only=True)
class Optimizer:
    """Which optimizer, with what rate.

    Attributes:
        kind: "sgd", "adamw" or "rmsprop".
        lr: the highest rate, for the recipe's own batch; another batch scales it in proportion.
        momentum: of SGD and RMSprop; the first beta of AdamW.
        smoothing: of squared gradients: RMSprop's alpha, the second beta of AdamW.
        eps: added to the root of the squared gradients by RMSprop and AdamW.
        weight_decay: times a weight, added to its gradient (decoupled in AdamW).
        decay_norms: whether norms and biases decay too, as in the older papers.
    """

    kind: Literal["sgd", "adamw", "rmsprop"] = "sgd"
    lr: float
    momentum: float = 0.9
    nesterov: bool = False
    smoothing: float = 0.999
    eps: float = 1e-8
    weight_decay: float = 0.0
    decay_norms: bool = True


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """The rate as a pure function of how far training is; nothing of it is kept between steps.

    Attributes:
        shape: "cosine" (with a long warm-up: one cycle), "linear", "steps", "exponential" or "constant".
        warmup: epochs in which the rate rises from nearly nothing, in a straight line; at most a fifth of all.
        milestones: shares of the epochs at which "steps" multiplies the rate by ``gamma``.
        gamma: factor of a milestone, or of every ``every`` epochs of "exponential".
        every: epochs.
        final: the share of the highest rate at which "cosine" and "linear" end.
    """

    shape: Literal["cosine", "linear", "steps", "exponential", "constant"] = "cosine"
    warmup: float = 0.0
    milestones: tuple[float, ...] = ()
    gamma: float = 0.1
    every: float = 1.0
    final: float = 0.0

    def factor(self, epoch: float, epochs: int) -> float:
        """What the highest rate is multiplied by, ``epoch`` (with its fraction) into ``epochs``."""
        warmup = min(self.warmup, epochs / 5)
        if epoch < warmup:
            return max(epoch / warmup, 1e-3)
        share = min((epoch - warmup) / (epochs - warmup), 1.0)
        match self.shape:
            case "cosine":
                return self.final + (1 - self.final) * (1 + math.cos(math.pi * share)) / 2
            case "linear":
                return self.final + (1 - self.final) * (1 - share)
            case "steps":
                return self.gamma ** sum(epoch >= milestone * epochs for milestone in self.milestones)
            case "exponential":
                return self.gamma ** int(epoch / self.every)
            case "constant":
                return 1.0


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A way to train.

    Attributes:
        name, summary, source: of what it is and where it is stated.
        published: accuracy that the source states, with its protocol; "" where it states none.
        gpu_time: time and machines that the source states; "" where it states none.
        epochs: over the training images.
        batch: images a step, over all processes.
        label_smoothing: share of the target that is spread over all classes.
        ema: decay of the moving average of the weights, reached after a warm-up; 0 keeps none.
        clip: the largest norm of the gradient; 0 leaves it alone.
        auxiliary: weight of the loss of each auxiliary classifier, where the network has some.
    """

    name: str
    summary: str
    source: str
    published: str = ""
    gpu_time: str = ""
    epochs: int
    batch: int
    optimizer: Optimizer
    schedule: Schedule = Schedule()
    augmentation: Augmentation = field(default_factory=Augmentation)
    label_smoothing: float = 0.0
    ema: float = 0.0
    clip: float = 0.0
    auxiliary: float = 0.3

    def __post_init__(self) -> None:
        for name, least, below in (
            ("epochs", 1, math.inf), ("batch", 1, math.inf), ("label_smoothing", 0, 1), ("ema", 0, 1), ("clip", 0, math.inf),
            ("auxiliary", 0, math.inf),
        ):  # fmt: skip
            value = getattr(self, name)
            if not least <= value < below:
                limit = f"at least {least}" + ("" if below == math.inf else f" and below {below}")
                raise ConvatlasError(f"`{name}` (={value:g}) must be {limit}")
        if not 0 < self.optimizer.lr < math.inf:
            raise ConvatlasError(f"`lr` (={self.optimizer.lr:g}) must be above 0")

    def changed(self, changes: Mapping[str, Any]) -> Self:
        """The recipe with other values, by the names of its fields or of its parts' fields; text is parsed.

        Raises:
            ConvatlasError: an unknown name (with the nearest), or a value that is none of its kind.
        """
        result = self
        for name, value in changes.items():
            known = _settable(result)
            if name not in known:
                raise unknown_name("setting of a recipe", name, known, f"there are {', '.join(known)}")
            part, kind = known[name]
            parsed = _parsed(name, value, kind) if isinstance(value, str) else value
            if part is None:
                result = dataclasses.replace(result, **{name: parsed})
            else:
                result = dataclasses.replace(result, **{part: dataclasses.replace(getattr(result, part), **{name: parsed})})
        return result

    @property
    def settable(self) -> list[str]:
        """The names that `changed` knows."""
        return list(_settable(self))

    def record(self) -> dict[str, Any]:
        """The recipe as JSON."""
        return dataclasses.asdict(self)

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Self:
        """The recipe of a `record`."""
        recipe: Self = _restored(cls, record)
        return recipe

    def rate(self, step: int, steps_an_epoch: int) -> float:
        """The learning rate of an optimizer step, counted from 0 over the whole of training."""
        return self.optimizer.lr * self.schedule.factor(step / steps_an_epoch, self.epochs)


_DESCRIPTIVE = frozenset({"name", "summary", "source", "published", "gpu_time"})


def _settable(recipe: Recipe) -> dict[str, tuple[str | None, Any]]:
    """Each name that can be set: the part of the recipe that holds it (None: itself), and its type."""

    def own(part: str | None, of: Any) -> Iterator[tuple[str, tuple[str | None, Any]]]:
        hints = get_type_hints(type(of))
        for each in fields(of):
            if is_dataclass(getattr(of, each.name)):
                yield from own(each.name, getattr(of, each.name))
            elif part is not None or each.name not in _DESCRIPTIVE:
                yield each.name, (part, hints[each.name])

    return dict(own(None, recipe))


def _parsed(name: str, text: str, kind: Any) -> Any:
    """A value typed on the command line, as the field's type."""
    try:
        if isinstance(kind, Choice) or get_origin(kind) is Literal:
            if text not in get_args(kind):
                raise ConvatlasError(str(unknown_name(name, text, get_args(kind), f"choose {', '.join(get_args(kind))}")))
            return text
        if kind is bool:
            return {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}[text.lower()]
        if get_origin(kind) is tuple:
            return tuple(float(part) for part in text.split(",") if part)
        return kind(text)
    except (ValueError, KeyError) as error:
        if isinstance(error, ConvatlasError):
            raise
        words = {bool: "yes or no", int: "a whole number", float: "a number"}
        raise ConvatlasError(f"`{name}` (={text}) must be {words.get(kind, 'numbers with commas between')}") from None


def _restored(cls: Any, record: Mapping[str, Any]) -> Any:
    hints = get_type_hints(cls)
    values = {}
    for each in fields(cls):
        if each.name not in record:
            continue
        value = record[each.name]
        if is_dataclass(hints[each.name]):
            value = _restored(hints[each.name], value)
        elif isinstance(value, list):
            value = tuple(value)
        values[each.name] = value
    return cls(**values)
