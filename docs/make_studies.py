"""Puts studies that were run into docs/studies, and writes their index: ``python docs/make_studies.py [FOLDER...]``.

A FOLDER is what `convatlas study` leaves. Of it the page, the rows, the curves and the figure are kept; the page and the index follow
from the rows, which a test holds.
"""

from __future__ import annotations

import csv
import shutil
import sys
from pathlib import Path

from convatlas.studies import Study, design_of
from convatlas.studies.page import as_markdown

STUDIES = Path(__file__).parent / "studies"
KEPT = ("rows.csv", "curves.csv", "figure.svg")


def kept(folder: Path) -> Study:
    """A study out of the files that docs keep of it."""
    rows = [
        {key: _value(text) for key, text in row.items()} for row in csv.DictReader((folder / "rows.csv").read_text().splitlines())
    ]
    design = design_of(str(rows[0]["study"]))
    return Study(design=design, quick=rows[0]["form"] == "quick", folder=folder, rows=rows, curves=[])


def index() -> str:
    """Every study that was run, with what it found."""
    lines = [
        "# The notes' experiments, run",
        "",
        "Each statement of the notes is the sign of a difference between networks; it was seen where the 95 % interval of the mean over",
        "seeds (Student's t, seeds paired) lies on that side of zero. Nothing here is judged by hand: the sentences are computed from the",
        "rows. The quick forms are small (thousands of images of 14 x 14 pixels, some hundred steps), so an effect that did not show there may",
        "show in the full form, and the reverse.",
        "",
    ]
    for folder in sorted(path.parent for path in STUDIES.glob("*/rows.csv")):
        study = kept(folder)
        form = "quick" if study.quick else "full"
        lines += [f"## [{study.design.name}]({folder.name}/README.md), {form} form", "", study.design.title, ""]
        lines += [*(f"- {verdict.sentence()}" for verdict in study.verdicts), ""]
    return "\n".join(lines)


def _value(text: str) -> str | int | float | None:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text or None


if __name__ == "__main__":
    for name in map(Path, sys.argv[1:]):
        rows = kept(name)
        place = STUDIES / f"{rows.design.name}{'-quick' if rows.quick else ''}"
        place.mkdir(parents=True, exist_ok=True)
        for file in KEPT:
            if (name / file).is_file():
                shutil.copyfile(name / file, place / file)
    for rows_file in STUDIES.glob("*/rows.csv"):
        (rows_file.parent / "README.md").write_text(as_markdown(kept(rows_file.parent)), encoding="utf-8")
    (STUDIES / "README.md").write_text(index(), encoding="utf-8")
