"""Who runs a command is what the operating system says, not what a variable says."""

import os
import pwd
import socket

import click
import pytest

from app.capture.attribution import UNKNOWN, attribution
from app.cli.operator import act_as_operator


def actor() -> str:
    """Return who acts in a command; after it, nobody does."""
    with click.Context(click.Command("aftercommit")) as context:
        act_as_operator(context)  # type: ignore[arg-type]  # It needs only what click's context has.
        found = attribution.get().actor
    assert attribution.get() == UNKNOWN
    return found


def test_a_variable_does_not_change_who_acts(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LOGNAME", "USER", "USERNAME", "HOSTNAME"):
        monkeypatch.setenv(name, "mallory")
    assert actor() == f"cli:{pwd.getpwuid(os.getuid()).pw_name}@{socket.gethostname()}"


def test_a_user_without_a_name_is_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 4242)
    monkeypatch.setattr(socket, "gethostname", lambda: "pod-7")
    assert actor() == "cli:4242@pod-7"
