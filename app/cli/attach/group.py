"""A group of commands in which a first word that is no command is the argument of one of them: `attach URL`."""

from typing import Final

import typer
from typer.core import TyperGroup

URL: Final = "URL"
"""The name of that command, as the help lists it."""


class _Group(TyperGroup):
    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]  # Click's context.
        """Put the name of the command before its arguments."""
        if args and args[0] not in self.commands and args[0] != "--help":
            args = [URL, *args]
        return super().parse_args(ctx, args)


def make_group(text: str) -> typer.Typer:
    """Return the group, without its commands."""
    return typer.Typer(cls=_Group, help=text, no_args_is_help=True, rich_markup_mode="rich")
