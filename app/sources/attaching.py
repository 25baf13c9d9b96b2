"""Attaches a source: checks its database, remembers it, and installs the triggers there."""

import re
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import URL, delete, func, select
from sqlalchemy.orm import Session, sessionmaker

from app.errors import AppError, Conflict, InvalidProfile, InvalidRequest, NotAllowed
from app.log.acts import record_acts
from app.models import Source, SourceResource, SourceVerification
from app.models.source import RESERVED_NAMES, SOURCE_NAME
from app.settings import Settings
from app.sources.acts import source_act
from app.sources.attachment import claim, read_attachment
from app.sources.checking import check_profile, check_rights
from app.sources.foreign import Connection, connect, parse_url, patiently, shown_url, transaction
from app.sources.installation import VERSION, fingerprint, install_sql
from app.sources.profile_file import parse_profile
from app.sources.sealing import seal


@dataclass(frozen=True, slots=True)
class Request:
    """What to attach. `profile` is the text of the profile."""

    name: str
    url: str
    profile: str
    never_fail: bool = False
    grant_to: str | None = None


def attach(sessions: sessionmaker[Session], request: Request, settings: Settings) -> tuple[str, ...]:
    """Attach a source; return warnings. The workers then read its existing resources, and every change that follows.

    If it fails, nothing is left, neither here nor there. If the process is killed in between, the source is left, as
    paused; detaching it removes everything.

    Raises:
        InvalidRequest: the name, the URL or the profile is not valid, or the name is reserved.
        InvalidProfile: the profile does not fit the database.
        NotAllowed: the server is too old, or the role lacks a right.
        Conflict: the name is in use, or the database is attached already.
        SourceUnavailable: the database does not answer, or a table is in use.
    """
    _require_name(request.name)
    url = parse_url(request.url)
    parse_profile(request.profile)
    sealed = seal(request.url, settings.masking_key)
    with sessions() as session:
        _require_free(session.scalar(select(Source).where(Source.name == request.name)))
    with connect(url) as connection:
        with transaction(connection):
            warnings = require_fitting(connection, request)
        with sessions.begin() as session:
            source_id = _remember(session, request, url, sealed)
        try:
            identity = patiently(connection, lambda: _install(connection, request, source_id))
        except AppError:
            with sessions.begin() as session:
                _forget(session, source_id)
            raise
        with sessions.begin() as session:
            source = session.get_one(Source, source_id)
            source.identity, source.paused = identity, None
            act = source_act("attached", source, profile=parse_profile(source.profile).name)
            record_acts(session, settings, [act])
    return warnings


def require_fitting(connection: Connection, request: Request) -> tuple[str, ...]:
    """Check that the source can be attached; return warnings. The connection must be in a transaction.

    Raises:
        InvalidProfile: the profile does not fit the database.
        NotAllowed: the role lacks a right.
        Conflict: the database is attached already, or something else is installed there.
    """
    profile = parse_profile(request.profile)
    misfits = check_profile(connection, profile)
    if misfits.problems:
        raise InvalidProfile("\n  ".join(["The profile does not fit the database:", *misfits.problems]))
    found = read_attachment(connection)
    if found is None:
        if missing := check_rights(connection, profile):
            raise NotAllowed("\n  ".join(["The role lacks rights in the database of the source:", *missing]))
    elif found.source is not None:
        raise Conflict(
            "This database is attached already. Detach that source first. If the aftercommit that attached it is gone, "
            "remove it with DROP SCHEMA aftercommit CASCADE."
        )
    elif (found.version, found.profile) != (VERSION, fingerprint(profile)):
        raise Conflict(
            "Something else is installed in this database: it was made for another profile, or by another version. "
            "Remove it with DROP SCHEMA aftercommit CASCADE."
        )
    return misfits.warnings


def _require_name(name: str) -> None:
    if not re.fullmatch(SOURCE_NAME, name):
        raise InvalidRequest("A name has at most 40 lower-case letters, digits and hyphens, such as prod-eu.")
    if name in RESERVED_NAMES:
        raise InvalidRequest(f"The name {name} is reserved: ids of aftercommit itself begin with aftercommit.{name}.")


def _remember(session: Session, request: Request, url: URL, sealed: bytes) -> UUID:
    """Store the source as paused; a detached source with this name is used again, and keeps its revisions."""
    source = session.scalar(select(Source).where(Source.name == request.name).with_for_update())
    _require_free(source)
    if source is None:
        source = Source(name=request.name)
        session.add(source)
    source.profile, source.url, source.shown_url = request.profile, sealed, shown_url(url)
    source.identity = source.moved_until = source.moving_until = source.moving_after = source.detached = None
    source.batch = source.failures = 0
    source.error = source.failing_since = source.retry_at = source.moved = None
    source.attached, source.paused = func.clock_timestamp(), func.clock_timestamp()
    session.flush()
    session.execute(delete(SourceVerification).where(SourceVerification.source_id == source.id))
    return source.id


def _require_free(source: Source | None) -> None:
    if source is not None and source.detached is None:
        raise Conflict(f"A source named {source.name} is attached already, to {source.shown_url}.")


def _forget(session: Session, source_id: UUID) -> None:
    """Undo `_remember`. A source that has events stays, as detached."""
    source = session.get_one(Source, source_id)
    if session.scalar(select(SourceResource.key).where(SourceResource.source_id == source_id).limit(1)) is None:
        session.delete(source)
        return
    source.url, source.detached, source.paused = None, func.clock_timestamp(), None


def _install(connection: Connection, request: Request, source_id: UUID) -> str:
    """Install everything, unless it is there already; return the identity of the database."""
    if read_attachment(connection) is None:
        profile = parse_profile(request.profile)
        sql = install_sql(profile, never_fail=request.never_fail, grant_to=request.grant_to)
        connection.execute(sql.encode())
    if not claim(connection, source_id):
        raise Conflict("Another source was attached to this database at the same moment.")
    attachment = read_attachment(connection)
    assert attachment is not None, "it was installed above"
    return attachment.identity
