"""Writes what is generated in the pages of docs/families: each family's figure and cost table.

    python docs/make.py           # write
    python docs/make.py --check   # say what is not up to date; exit status 1 if anything is

The text of the pages is written by hand. A figure is redrawn from the traced graph, a table is computed by
`convatlas.cost`; both change only with the zoo, the tracer or the rules.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import convatlas as ca
from convatlas.names import natural_key
from convatlas.zoo import REGISTRY

sys.path.insert(0, str(Path(__file__).parent))
from diagram import draw  # noqa: E402

FAMILIES = Path(__file__).parent / "families"
FIGURES = {  # family: network and the module that its figure shows; the whole network where that is ""
    "alexnet": ("alexnet_2012", ""),
}
