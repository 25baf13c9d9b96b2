"""Who runs a command, and why: the attribution of everything that the command changes."""

import os
import pwd
import socket
from dataclasses import replace
from typing import Annotated

import typer

from app.capture.attribution import CLI, REASON_LENGTH, Attribution, acting_as, attribution, printable_text
from app.errors import InvalidRequest


def act_as_operator(context: typer.Context) -> None:
    """Attribute what the command does to the user of the operating system, until the command ends."""
    context.with_resource(acting_as(Attribution(f"{CLI}:{_user()}@{socket.gethostname()}")))


def give_reason(context: typer.Context, text: str | None) -> str | None:
    """Add the reason to the attribution until the command ends, and return it.

    Raises:
        BadParameter: it is too long, or contains characters that do not print.
    """
    if text is None:
        return None
    try:
        reason = printable_text("The reason", text, REASON_LENGTH)
    except InvalidRequest as error:
        raise typer.BadParameter(str(error)) from None
    context.with_resource(acting_as(replace(attribution.get(), reason=reason)))
    return reason


Reason = Annotated[
    str | None,
    typer.Option("--reason", callback=give_reason, help="Why you do this; the event in the log contains it."),
]


def _user() -> str:
    """Return the name of the user, not from a variable such as `USER`, which can say anything."""
    number = os.getuid()
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        # A container may know only the number.
        return str(number)
