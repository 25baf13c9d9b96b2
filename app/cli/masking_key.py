"""What `aftercommit migrate` and `aftercommit up` do about the masking key, before any process uses it."""

from typing import Annotated

import typer

from app.capture.masking_key import replace_key, require_known_key
from app.capture.snapshot import make_masker
from app.cli.database import database_sessions
from app.log.acts import Act, record_acts
from app.settings import Settings

ReplaceMaskingKey = Annotated[
    bool,
    typer.Option("--replace-masking-key", help="Accept a new masking key: old and new masks will not match."),
]


def settle_masking_key(settings: Settings, *, replace: bool) -> None:
    """Check that the database knows this key, or make it the known one.

    Raises:
        WrongMaskingKey: the database knows another key.
        Conflict: the key cannot be replaced, because processes that may use the known one are connected.
        Unavailable: the database does not answer, or rejects a statement.
    """
    masker = make_masker(settings)
    with database_sessions(settings) as sessions, sessions.begin() as session:
        if not replace:
            require_known_key(session, masker)
        elif replace_key(session, masker):
            record_acts(session, settings, [Act("masking.key-replaced", "masking", "masking")])
