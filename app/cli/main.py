"""The `aftercommit` command, assembled from its subcommands."""

import gc
from importlib.metadata import version
from typing import Annotated, Final, NoReturn

import typer
from rich.console import Console
from rich.text import Text

from app.cli import attach, broker, events, history, keys, migrate, outbox, up
from app.cli.diff import command as diff
from app.cli.operator import act_as_operator
from app.errors import AppError
from app.settings import log_settings, start_logging
from app.telemetry import innermost_frames

INTERRUPTED: Final = 130
"""The exit code of a command that Ctrl-C has ended, as shells report it."""

app = typer.Typer(
    name="aftercommit",
    help="A deployment registry whose change events are never lost and never made up.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    # A traceback with local variables would show passwords.
    pretty_exceptions_show_locals=False,
)


def _print_version(requested: bool) -> None:
    if requested:
        typer.echo(version("aftercommit"))
        raise typer.Exit


@app.callback()
def _main_options(
    context: typer.Context,
    _version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Print the version and exit.")
    ] = False,
) -> None:
    """Define the options that come before the subcommand, and set who acts."""
    act_as_operator(context)


app.command(epilog=up.EPILOG)(up.up)
app.command(epilog=migrate.EXAMPLES)(migrate.migrate)
app.command("diff", epilog=diff.EXAMPLES)(diff.show_difference)
app.command("history", epilog=history.EXAMPLES)(history.show_history)
# The help text lists the groups in this order.
app.add_typer(events.app, name="events")
app.add_typer(attach.app, name="attach")
app.add_typer(keys.app, name="keys")
app.add_typer(outbox.app, name="outbox")
app.add_typer(broker.app, name="broker")


def main() -> None:
    """Run the command; print an error as one red line on stderr and exit with code 1, never with a traceback."""
    # Imported modules are never garbage. Scanning them costs a third of the time of a short command.
    gc.freeze()
    try:
        start_logging()
        app()
    except KeyboardInterrupt:
        raise SystemExit(INTERRUPTED) from None
    except AppError as error:
        _fail(str(error))
    except Exception as error:  # noqa: BLE001  # A traceback helps no operator, and may show values.
        where = ", ".join(innermost_frames(error)[-2:])
        _fail(f"An unexpected {type(error).__name__} at {where}. Please report it.")


def _fail(text: str) -> NoReturn:
    logs = log_settings()
    if logs.log_json:
        logs.tell("command_failed", text, is_error=True)
    else:
        Console(stderr=True, soft_wrap=True).print(Text(f"error: {text}", style="red"))
    raise SystemExit(1) from None
