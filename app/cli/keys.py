"""`aftercommit keys`: creates, lists and revokes API keys."""

from datetime import UTC, datetime
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from app.access.api_keys import create_key, known_keys, list_keys, revoke_key
from app.access.key_ring import FRESH_SECONDS
from app.cli.data_dir import DEFAULT, DataDir, settings_in
from app.cli.database import database_session
from app.cli.operator import Reason
from app.cli.printing import AsJson, plain_text, print_json
from app.cli.times import EXPIRY_HELP, format_time, parse_expiry
from app.log.acts import key_act, record_acts
from app.models.api_key import KEY_NAME_LENGTH, Role

CREATE_EXAMPLES = """
Examples:

[bold]aftercommit keys create laptop[/bold]  for deploys and workers

[bold]aftercommit keys create dashboard --role read --expires 30d[/bold]

[bold]aftercommit keys create me --role admin --expires 2027-01-31T18:00+01:00[/bold]

[bold]aftercommit keys create portal --may-act-for-others[/bold]  for a program in which several people make changes

[bold]export PREFECT_API_AUTH_STRING=$(aftercommit keys create ci)[/bold]  for Prefect's client, also for live events

[bold]curl -H "Authorization: Bearer $KEY" http://127.0.0.1:4200/api/version[/bold]
"""
LIST_EXAMPLES = """
Examples:

[bold]aftercommit keys list[/bold]

[bold]aftercommit keys list --json | jq -r '.[] | select(.revoked == null) | .name'[/bold]  for scripts
"""
REVOKE_EXAMPLES = """
Examples:

[bold]aftercommit keys revoke laptop --reason "the laptop was lost"[/bold]
"""
FIRST_KEY = "This is the only valid key: from now on every request needs a credential."
MAY: Final = {
    Role.READ: "may read everything and change nothing",
    Role.WRITE: "may do what deploys and workers do",
    Role.ADMIN: "may do everything",
}
LAST_KEY = (
    "No valid key is left. Unless AFTERCOMMIT_API_AUTH_STRING is set, an API on loopback now accepts every request, "
    "and an API that listens on the network refuses every request."
)

FOR_OTHERS: Final = "may_act_for_others"
"""This column is only in the JSON: 80 columns are enough for the others."""

app = typer.Typer(help="Create, list and revoke API keys.", no_args_is_help=True, rich_markup_mode="rich")


def _validate_name(name: str) -> str:
    if not 1 <= len(name) <= KEY_NAME_LENGTH or not name.isprintable():
        raise typer.BadParameter(f"A name must have 1 to {KEY_NAME_LENGTH} characters, all of them printable.")
    return name


Name = Annotated[
    str, typer.Argument(metavar="NAME", callback=_validate_name, help="The person or program that the key is for.")
]
ExistingName = Annotated[
    str, typer.Argument(metavar="NAME", callback=_validate_name, help="The name of the key, as `keys list` shows it.")
]


@app.command("create", epilog=CREATE_EXAMPLES)
def create(
    name: Name,
    role: Annotated[
        Role, typer.Option(help="read: no changes. write: also what deploys and workers do. admin: everything.")
    ] = Role.WRITE,
    expires: Annotated[
        datetime | None,
        typer.Option(
            parser=parse_expiry, metavar="TIME", help=f"When the key expires; never by default. {EXPIRY_HELP}"
        ),
    ] = None,
    may_act_for_others: Annotated[
        bool,
        typer.Option("--may-act-for-others", help="Its requests may say on whose behalf they make a change."),
    ] = False,
    _reason: Reason = None,
    data_dir: DataDir = DEFAULT,
) -> None:
    """Create a key and print it, only this once: the database stores only its digest."""
    with database_session(data_dir) as session:
        is_first = not known_keys(session)
        key = create_key(session, name, role, expires, may_act_for_others=may_act_for_others)
        act = key_act("created", name, role=role, expires=expires, may_act_for_others=may_act_for_others)
        record_acts(session, settings_in(data_dir), [act])
        session.commit()
    end = "It does not expire." if expires is None else f"It expires at {format_time(expires)}."
    typer.echo(f"The role of this key is {role}: it {MAY[role]}. {end}", err=True)
    typer.echo(f"The API accepts this key within {FRESH_SECONDS:g} seconds. Keep it: it is not shown again.", err=True)
    if is_first:
        typer.echo(FIRST_KEY, err=True)
    typer.echo(key)


@app.command("list", epilog=LIST_EXAMPLES)
def print_keys(data_dir: DataDir = DEFAULT, as_json: AsJson = False) -> None:
    """List the keys: name, first characters, role, and times in UTC: creation, expiry, last use and revocation."""
    with database_session(data_dir) as session:
        keys = [
            {
                "name": key.name,
                "key": f"{key.hint}...",
                "role": key.role,
                FOR_OTHERS: key.may_act_for_others,
                "created": key.created,
                "expires": key.expires,
                "last_used": key.last_used,
                "revoked": key.revoked,
            }
            for key in list_keys(session)
        ]
    if as_json:
        print_json(keys)
        return
    if not keys:
        Console().print("There are no keys.")
        return
    # Without a frame, so that 80 columns are enough for all times.
    columns = [name for name in keys[0] if name != FOR_OTHERS]
    table = Table(*columns, box=None, pad_edge=False)
    for key in keys:
        table.add_row(*(_cell(name, key[name]) for name in columns))
    Console().print(table)


def _cell(name: str, value: object) -> Text:
    if not isinstance(value, datetime):
        return plain_text(value)
    has_expired = name == "expires" and value <= datetime.now(UTC)
    return Text(f"{value:%Y-%m-%d %H:%M}{' (expired)' if has_expired else ''}", overflow="fold")


@app.command("revoke", epilog=REVOKE_EXAMPLES)
def revoke(name: ExistingName, _reason: Reason = None, data_dir: DataDir = DEFAULT) -> None:
    """Revoke a key. The API then refuses it and ends the connections that it opened. Its name can't be used again."""
    with database_session(data_dir) as session:
        key = revoke_key(session, name)
        is_last = not known_keys(session)
        act = key_act("revoked", name, role=key.role, expires=key.expires, may_act_for_others=key.may_act_for_others)
        record_acts(session, settings_in(data_dir), [act])
        session.commit()
    typer.echo(f"Revoked. The API refuses this key within {FRESH_SECONDS:g} seconds.", err=True)
    if is_last:
        typer.echo(LAST_KEY, err=True)
