"""The text of a winner: the space's own network file, without the candidates, and a function that makes this one."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files

_FUTURE = "from __future__ import annotations\n"
_LEFT_OUT = ("from __future__", "from .")


def source_of(file: str, name: str, arguments: Mapping[str, object]) -> str:
    """A Python file that needs torch alone.

    Args:
        file: of the networks' folder, as "residual".
        name: of the class.
        arguments: that make the network; their ``repr`` is Python that needs names of the file only.

    """
    folder = files("convatlas.search.networks")
    own, layers = ((folder / f"{each}.py").read_text(encoding="utf-8") for each in (file, "layers"))
    head, _, _ = own.partition(_FUTURE)
    imports = {
        line
        for text in (own, layers)
        for line in text.splitlines()
        if line.startswith(("import ", "from ")) and not line.startswith(_LEFT_OUT)
    }
    standard, torch = (
        "\n".join(sorted((line for line in imports if ("torch" in line) == of_torch), key=_plain_first))
        for of_torch in (False, True)
    )
    body = "\n\n\n".join(text[text.index("\n\n\n") :].strip("\n") for text in (layers, own))
    lines = [f"        {key}={_shown(value)}," for key, value in arguments.items()]
    winner = [
        "",
        "",
        f"def winner() -> {name}:",
        '    """The network that the search found."""',
        f"    return {name}(",
        *lines,
        "    )",
        "",
    ]
    text = head + _FUTURE + "\n" + (f"{standard}\n\n" if standard else "") + f"{torch}\n\n\n" + body
    return text + "\n" + "\n".join(winner)


def _shown(value: object) -> str:
    """A value's ``repr``; of rows one a line."""
    if isinstance(value, list):
        rows = "".join(f"            {row!r},\n" for row in value)
        return f"[\n{rows}        ]"
    return repr(value)


def _plain_first(line: str) -> tuple[bool, str]:
    return line.startswith("from"), line
