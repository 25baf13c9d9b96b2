"""`aftercommit events`: prints the event log for people, or as JSON lines for programs."""

import typer

from app.cli.events import listing, showing, tailing

app = typer.Typer(help="Read the event log.", no_args_is_help=True, rich_markup_mode="rich")
app.command("list", epilog=listing.EXAMPLES)(listing.list_events)
app.command("show", epilog=showing.EXAMPLES)(showing.show_event)
app.command("tail", epilog=tailing.EXAMPLES)(tailing.tail_events)
