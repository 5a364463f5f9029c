"""The application: which commands there are. Importing it imports no torch; each command imports what it needs."""

from __future__ import annotations

from typing import Annotated

import typer

from .compare import compare
from .cost import cost
from .memory import memory
from .notes import notes
from .predict import predict
from .report import report
from .zoo import list_, show

app = typer.Typer(
    help="Know a convolutional network before you train it: what every layer costs, as a table or a page.",
    pretty_exceptions_enable=False,
    # capitals mean the same in commands, options and choices
    context_settings={"help_option_names": ["-h", "--help"], "token_normalize_func": str.lower},
)


@app.callback(invoke_without_command=True)
def top(context: typer.Context, version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    """Say what there is when nothing is asked."""
    if version:
        from .. import __version__

        typer.echo(f"convatlas {__version__}")
    elif context.invoked_subcommand is None:
        typer.echo(context.get_help())


app.command("list")(list_)
app.command()(show)
app.command()(cost)
app.command()(memory)
app.command()(compare)
app.command()(report)
app.command()(notes)
app.command()(predict)
