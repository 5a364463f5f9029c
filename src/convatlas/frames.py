"""Records as pandas frames, where pandas is installed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from .errors import ConvatlasError

if TYPE_CHECKING:
    from pandas import DataFrame


def frame(rows: Sequence[Mapping[str, object]], columns: Sequence[str], conditions: str) -> DataFrame:
    """Rows as a frame; what the figures hold for is in its ``attrs["conditions"]``.

    Raises:
        ConvatlasError: pandas is not installed.

    """
    try:
        from pandas import DataFrame
    except ImportError:
        raise ConvatlasError("a frame needs pandas: pip install 'convatlas[frames]'") from None
    made = DataFrame(rows, columns=list(columns))
    made.attrs["conditions"] = conditions
    return made
