"""`aftercommit broker`: empties the queues of the broker."""

import typer

from app.broker.doorbells import purge_queues
from app.cli.data_dir import DEFAULT, DataDir, settings_in
from app.errors import ConfigurationError
from app.local.probes import require_broker_url

app = typer.Typer(help="Empty the queues of the broker.", no_args_is_help=True, rich_markup_mode="rich")

EXAMPLES = """
Examples:

[bold]aftercommit broker purge[/bold]

[bold]aftercommit broker purge --data-dir /srv/aftercommit[/bold]  for the `aftercommit up` with this data folder
"""


@app.callback()
def _group() -> None:
    """Make `purge` a subcommand although it is the only one."""


@app.command("purge", epilog=EXAMPLES)
def purge(data_dir: DataDir = DEFAULT) -> None:
    """Remove all waiting messages, for example foreign or very many ones.

    Nothing is lost: the changes are in the database, and the next sweep rings for them within seconds.
    """
    settings = settings_in(data_dir)
    if not settings.broker_url:
        raise ConfigurationError("No broker is configured: set AFTERCOMMIT_BROKER_URL, or start `aftercommit up`.")
    require_broker_url(settings.broker_url)
    removed = purge_queues(settings)
    typer.echo(f"Removed {removed} messages. Nothing is lost: the sweep rings for every waiting change.")
