"""`aftercommit outbox`: shows and audits the outbox, and replays or skips parked snapshots."""

import typer

from app.cli.outbox import audit, decisions, parked, status

app = typer.Typer(
    help="Inspect the outbox, where committed changes wait for their events.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)
app.command("status", epilog=status.EXAMPLES)(status.show_status)
app.command("reconcile", epilog=audit.EXAMPLES)(audit.show_audit)
app.command("parked", epilog=parked.PARKED_EXAMPLES)(parked.list_parked)
app.command("show", epilog=parked.SHOW_EXAMPLES)(parked.show_snapshot)
app.command("replay", epilog=decisions.REPLAY_EXAMPLES)(decisions.replay_parked)
app.command("skip", epilog=decisions.SKIP_EXAMPLES)(decisions.skip_parked)
