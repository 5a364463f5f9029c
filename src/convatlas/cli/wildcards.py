"""MODELs that are patterns: resnet*, torchvision:vgg1?, timm:convnext_*."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from ..catalogue import list_models
from ..errors import ConvatlasError
from ..models.library_names import LIBRARIES, library_names
from ..names import matching, unknown_name

MOST = 250  # networks of one pattern: the whole zoo is less, timm well over a thousand
_NAMED = 4  # matches that an error names


def expanded(models: Sequence[str]) -> list[str]:
    """The networks that are meant: a pattern gives way to its matches, in natural order, but those that are there already.

    How many a pattern matches is said on stderr.

    Raises:
        ConvatlasError: a pattern matches nothing, or more than `MOST`.

    """
    found: list[str] = []
    for model in models:
        if not is_pattern(model):
            found.append(model)
            continue
        matches = matches_of(model)
        if len(matches) > MOST:
            raise ConvatlasError(f"{model!r} matches {len(matches):,} networks, and {MOST} at a time are the most; narrow it")
        print(f"{model!r} matches {len(matches)} network{'' if len(matches) == 1 else 's'}", file=sys.stderr)
        found += [name for name in matches if name not in found and name not in models]
    return found


def single(model: str) -> str:
    """The one network that is meant.

    Raises:
        ConvatlasError: a pattern matches none or several.

    """
    if not is_pattern(model):
        return model
    matches = matches_of(model)
    if len(matches) > 1:
        named = ", ".join(matches[:_NAMED]) + (", ..." if len(matches) > _NAMED else "")
        raise ConvatlasError(
            f"{model!r} matches {len(matches):,} networks ({named}), and one is asked for; `convatlas compare` takes several"
        )
    return matches[0]


def is_pattern(model: str) -> bool:
    """Whether it is a pattern of names; one of files is the shell's business."""
    library, colon, _ = model.partition(":")
    return bool(set(model) & set("*?[")) and (library in LIBRARIES if colon else not model.endswith((".json", ".py", ".pt")))


def matches_of(pattern: str) -> list[str]:
    """The networks whose names a pattern matches, in capitals or not.

    Raises:
        ConvatlasError: none does.

    """
    library, colon, wanted = pattern.rpartition(":")
    known = library_names(library) if colon else list_models()
    if matches := matching(known, wanted.lower()):
        return [f"{library}{colon}{name}" for name in matches]
    if colon and not known:
        raise ConvatlasError(f"{library} is not installed here; install it with `pip install {library}`")
    raise unknown_name(f"{library} network" if colon else "network", wanted, known, "nothing matches it")
