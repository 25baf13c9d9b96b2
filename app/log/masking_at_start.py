"""Checks the masking key of a process that starts, and logs an event if the masking rules are not those of before."""

from typing import Final

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from app.capture.attribution import SERVICE, Attribution, acting_as
from app.capture.masking_key import replace_rules, require_known_key
from app.capture.snapshot import make_masker
from app.log.acts import Act, record_acts
from app.postgres.engine import make_engine, make_sessions
from app.settings import Settings

ATTRIBUTION: Final = Attribution(f"{SERVICE}:start")
"""Whoever changed the settings is not known to the process that starts with them."""


def settle_masking_at_start(settings: Settings) -> None:
    """Check the key, and note the rules. If the database does not answer, the first use of the key is the check.

    Of several processes that start with new rules, the first one notes them.

    Raises:
        WrongMaskingKey: the database knows another key.
    """
    engine = make_engine(settings, application_name="aftercommit-start", pool_size=1)
    masker = make_masker(settings)
    try:
        with make_sessions(engine).begin() as session, acting_as(ATTRIBUTION):
            require_known_key(session, masker)
            if changed := replace_rules(session, masker):
                act = Act("masking.rules-changed", "masking", "masking", {"settings": changed})
                record_acts(session, settings, [act])
    except (DBAPIError, PoolTimeoutError):
        return
    finally:
        engine.dispose()
