"""Spaces compared on a table of trained networks (search_table.py): squeeze-and-excitation or not, and one more block in the last stage or not.

Of each space all networks of the table are taken; a network's error is the mean of three trainings. Prints Markdown, and writes the
figures to docs/spaces. Run: python benchmarks/spaces.py
"""

from __future__ import annotations

from pathlib import Path

import torch

from convatlas.report.theme import to_svg
from convatlas.search.compare import compare_spaces
from convatlas.search.distribution import chart
from convatlas.search.score.scores import TRAINING
from search import Replayed, scores_by_layers, table
from search_table import space

FOLDER = Path(__file__).parent.parent / "docs" / "spaces"
PAIRS = {
    "squeeze": {"with SE": {"squeeze": ((False,), (True,))}, "without SE": {"squeeze": (False,)}},
    "depth": {"two blocks": {"depths": ((1, 2), (2,))}, "one block": {"depths": ((1, 2), (1,))}},
    "groups": {"grouped": {"groups": ((1,), (2, 4))}, "dense": {"groups": ((1,), (1,))}},
}


def main() -> None:
    """All pairs."""
    torch.set_num_threads(1)
    whole = space()
    accuracy, _ = table(whole)
    score = Replayed(scores_by_layers(whole, accuracy.mean(axis=1)))
    score.name, score.meaning = TRAINING, "accuracy, mean of three trainings (%)"
    FOLDER.mkdir(exist_ok=True)
    for name, pair in PAIRS.items():
        found = compare_spaces({label: space(**change) for label, change in pair.items()}, score=score, networks=whole.size)
        print(f"- {found.sentence()}")
        (FOLDER / f"{name}.svg").write_text(to_svg(chart(found)), encoding="utf-8")


if __name__ == "__main__":
    main()
