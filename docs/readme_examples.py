"""Runs the commands that the README shows and puts what they print there: ``python docs/readme_examples.py``."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

README = Path(__file__).parent.parent / "README.md"
CUT = "\n..."  # an example that ends so shows the head and the table, and not the words after them


def _anew(example: re.Match[str]) -> str:
    command, shown = example[1], example[2].rstrip()
    done = subprocess.run(
        [sys.executable, "-m", "convatlas", *command.split()],
        env=os.environ | {"COLUMNS": "80"}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    lines = done.stdout.rstrip().splitlines()
    if shown.endswith(CUT):
        lines = [*lines[: lines.index("", lines.index("") + 1)], CUT.strip()]
    return f"```console\n$ convatlas {command}\n" + "\n".join(lines) + "\n```"


if __name__ == "__main__":
    text = README.read_text(encoding="utf-8")
    README.write_text(re.sub(r"```console\n\$ convatlas ([^\n]+)\n(.+?)```", _anew, text, flags=re.DOTALL), encoding="utf-8")
