"""`aftercommit broker`: empties the queues of the broker."""

import typer

from app.broker.doorbells import purge_queues
from app.cli.data_dir import DEFAULT, DataDir, settings_in
from app.cli.database import database_session
from app.cli.operator import Reason
from app.errors import AppError, ConfigurationError, Unavailable
from app.local.probes import require_broker_url
from app.log.acts import Act, record_acts

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
def purge(_reason: Reason = None, data_dir: DataDir = DEFAULT) -> None:
    """Remove all waiting messages, for example foreign or very many ones.

    Nothing is lost: the changes are in the database, and the next sweep rings for them within seconds.
    """
    settings = settings_in(data_dir)
    if not settings.broker_url:
        raise ConfigurationError("No broker is configured: set AFTERCOMMIT_BROKER_URL, or start `aftercommit up`.")
    require_broker_url(settings.broker_url)
    removed = purge_queues(settings)
    typer.echo(f"Removed {removed} messages. Nothing is lost: the sweep rings for every waiting change.")
    # After the purge, because an operator may need it while the database is away.
    try:
        with database_session(data_dir) as session:
            record_acts(session, settings, [Act("broker.purged", "broker", "broker", {"messages": removed})])
            session.commit()
    except AppError as error:
        raise Unavailable(f"The queues are purged, but the log has no event of it. {error}") from error
