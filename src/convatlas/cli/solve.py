"""`solve`: the one free number of a block for a budget."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import ConvatlasError
from ..sizes import parse_count
from .columns import WHOLE
from .formats import destination
from .options import Debug, FormatOption, Json, Output
from .output import Made, deliver, screen_width
from .records import as_json
from .tables import Column, Line, Table
from .words import wrapped

if TYPE_CHECKING:
    from ..design.solve import Choice, Solution


def solve(
    block: Annotated[
        str,
        typer.Argument(
            metavar="BLOCK", help="bottleneck, resnext, se_bottleneck, inverted_residual, dense_block, or file.py:function."
        ),
    ],
    free: Annotated[
        str, typer.Option("--free", metavar="NAME", help="The number to be found: width, reduction, expansion, growth, ...")
    ],
    to_macs: Annotated[str | None, typer.Option("--to-macs", metavar="COUNT", help="The budget for one input, as 218M.")] = None,
    to_params: Annotated[str | None, typer.Option("--to-params", metavar="COUNT", help="The budget, as 70k.")] = None,
    like: Annotated[
        str | None, typer.Option("--like", metavar="BLOCK", help="The budget is what this block costs on the same input.")
    ] = None,
    given: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=NUMBER", help="Another number of the block, as groups=8 (repeatable)."),
    ] = None,
    size: Annotated[
        str | None,
        typer.Option("--input", metavar="SHAPE", help="What it reads, as 256x56x56.", show_default="as in its paper"),
    ] = None,
    chosen: FormatOption = None,
    json: Json = False,
    output: Output = None,
    debug: Debug = False,
) -> None:
    """Solve for one number of a block at equal cost.

    The real solution, the whole numbers around it, and what the block costs with each, from its graph.
    """
    form, output = destination(chosen, json, output)
    budgets = {"--to-macs": to_macs, "--to-params": to_params, "--like": like}
    if sum(budget is not None for budget in budgets.values()) != 1:
        raise ConvatlasError("name one budget: --to-macs 218M, --to-params 70k or --like bottleneck")

    def make() -> Made:
        from ..design.solve import solve as solved

        amount = like if like is not None else parse_count(to_macs or to_params or "", "--to-macs" if to_macs else "--to-params")
        found = solved(
            _block(block),
            amount,
            free,
            quantity="params" if to_params else "macs",
            input_size=_shape(size),
            **_numbers(given or []),
        )
        rows = [_row(found, choice) for choice in dict.fromkeys((found.below, found.above))]
        if form == "json":
            return as_json(_record(found, rows))
        table = Table(columns=_columns(found), rows=rows)
        if form != "table":
            return table.to_csv() if form == "csv" else table.to_markdown()
        width = screen_width()
        others = ", ".join(f"{key} {value}" for key, value in found.numbers.items())
        shape = "x".join(map(str, found.input_size))
        head = f"{found.block}: input {shape}, batch 1; {others}; MACs: bias additions left out; a shortcut costs none."
        kind = "MACs" if found.quantity == "macs" else "parameters"
        words = f"{found.free} = {found.real:.3f} for {found.budget:,.0f} {kind}; the nearest whole number is {found.value}."
        return [*wrapped(head, width, "dim"), Line(""), *table.to_lines(width), Line(""), *wrapped(words, width, "bold")]

    deliver(make, output)


def _block(word: str) -> Any:
    if ":" not in word:
        return word
    from ..models.usercode import attribute_of

    return attribute_of(word)


def _shape(text: str | None) -> tuple[int, ...] | None:
    if text is None:
        return None
    parts = text.lower().split("x")
    if not all(part.isdecimal() and int(part) for part in parts):
        raise ConvatlasError(f"`--input` (={text!r}) is no shape; write 256x56x56, without the batch")
    return tuple(map(int, parts))


def _numbers(given: list[str]) -> dict[str, int]:
    numbers = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not value.isdecimal():
            raise ConvatlasError(f"`--set` (={text!r}) is no NAME=NUMBER, as groups=8")
        numbers[name.strip()] = int(value)
    return numbers


def _columns(found: Solution) -> list[Column]:
    return [
        Column(key="value", title=found.free, left=True),
        Column(key="params", title="params", scales=WHOLE),
        Column(key="macs", title="MACs", scales=WHOLE),
        Column(key="budget_share", title="of budget", unit="%", show=lambda share: f"{100 * share:.2f}"),
    ]


def _row(found: Solution, choice: Choice) -> dict[str, Any]:
    return {**choice._asdict(), "budget_share": found.spent(choice) / found.budget}


def _record(found: Solution, rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "block": found.block,
        "free": found.free,
        "numbers": dict(found.numbers),
        "input_size": list(found.input_size),
        "quantity": found.quantity,
        "budget": found.budget,
        "real": found.real,
        "nearest": found.value,
        "choices": rows,
    }
