"""The `aftercommit` command: its parts are put together here."""

import gc
from importlib.metadata import version
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from app.cli import events, history, keys, migrate, outbox, up
from app.errors import AppError

app = typer.Typer(
    name="aftercommit",
    help="A deployment registry whose change events are never lost and never made up.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    # A traceback with local variables would show passwords.
    pretty_exceptions_show_locals=False,
)


def _print_version(wished: bool) -> None:
    if wished:
        typer.echo(version("aftercommit"))
        raise typer.Exit


@app.callback()
def _of_all_commands(
    _version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Print the version and exit.")
    ] = False,
) -> None:
    """Take what comes before the command."""


app.command(epilog=up.EPILOG)(up.up)
app.command(epilog=migrate.EXAMPLES)(migrate.migrate)
app.command("history", epilog=history.EXAMPLES)(history.tell_history)
# Groups of commands are added here, in the order of the help text.
app.add_typer(events.app, name="events")
app.add_typer(keys.app, name="keys")
app.add_typer(outbox.app, name="outbox")


def main() -> None:
    """Run the command; an error of ours becomes one red line on stderr and exit code 1."""
    # What was imported is not garbage: looking for some in it is a third of what a short command costs.
    gc.freeze()
    try:
        app()
    except AppError as error:
        Console(stderr=True, soft_wrap=True).print(Text(f"error: {error}", style="red"))
        raise SystemExit(1) from None
