"""`aftercommit attach pause`, `resume` and `detach`."""

from typing import Annotated, Final

import typer

from app.cli.attach.adding import read_url
from app.cli.attach.listing import SourceName
from app.cli.data_dir import DEFAULT, DataDir, settings_in
from app.cli.database import database_session
from app.cli.printing import AsJson, print_json
from app.sources.detaching import detach, pause, resume

PAUSE_EXAMPLES: Final = """
Examples:

[bold]aftercommit attach pause prod[/bold]  before maintenance of its database
"""
RESUME_EXAMPLES: Final = """
Examples:

[bold]aftercommit attach resume prod[/bold]

[bold]echo "$URL" | aftercommit attach resume prod --url -[/bold]  after a new password
"""
DETACH_EXAMPLES: Final = """
Examples:

[bold]aftercommit attach detach prod[/bold]

[bold]aftercommit attach detach prod --force[/bold]  gives up changes that were not moved, or a database that is gone
"""


def pause_source(name: SourceName, data_dir: DataDir = DEFAULT, as_json: AsJson = False) -> None:
    """Stop moving the changes of a source. They gather in its database until it is resumed."""
    with database_session(data_dir) as session:
        pause(session, settings_in(data_dir), name)
        session.commit()
    _say(as_json, {"paused": name}, f"Paused {name}. Its changes gather in its database.")


def resume_source(
    name: SourceName,
    url: Annotated[
        str | None,
        typer.Option("--url", help="Its new URL, or - to read it from stdin. It must lead to the same database."),
    ] = None,
    data_dir: DataDir = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Move the changes of a source again, at once even if the last tries failed."""
    settings = settings_in(data_dir)
    with database_session(data_dir) as session:
        resume(session, settings, name, None if url is None else read_url(url))
        session.commit()
    _say(as_json, {"resumed": name}, f"Resumed {name}.")


def detach_source(
    name: SourceName,
    force: Annotated[bool, typer.Option("--force", help="Give up changes that were not moved.")] = False,
    data_dir: DataDir = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Remove the triggers and the schema from the database of a source. Its events stay in the log."""
    settings = settings_in(data_dir)
    with database_session(data_dir) as session:
        removal = detach(session, settings, name, force=force)
        session.commit()
    if removal.left is not None:
        text = (
            f"Detached {name} here only: {removal.left} "
            "To remove what is left there, run: DROP SCHEMA aftercommit CASCADE"
        )
    else:
        lost = f" {removal.lost} row changes were given up." if removal.lost else ""
        text = f"Detached {name}. Nothing is left in its database.{lost}"
    _say(as_json, {"detached": name, "lost": removal.lost, "left": removal.left}, text)


def _say(as_json: bool, row: dict[str, object], text: str) -> None:
    if as_json:
        print_json(row)
    else:
        typer.echo(text)
