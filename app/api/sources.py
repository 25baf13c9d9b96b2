"""The routes of sources: databases that are not ours. They do the same as `aftercommit attach`."""

from http import HTTPStatus
from typing import Annotated

from fastapi import Body, Query, Request
from sqlalchemy.orm import Session

from app.schemas.shared import PathName
from app.schemas.sources import (
    AttachedResponse,
    RemovalResponse,
    SourceAttach,
    SourceResponse,
    SourceResume,
    SourceStatusResponse,
    VerificationRequested,
    VerificationResponse,
)
from app.sources.attaching import Request as AttachRequest
from app.sources.attaching import attach
from app.sources.detaching import detach, pause, resume
from app.sources.known import find_source, list_sources
from app.sources.profile_file import profile_text
from app.sources.status import read_status, summarize
from app.sources.verification import read_verification, request_verification
from app.web.dependencies import SettingsDep
from app.web.routing import make_router

router = make_router("/sources", tags=["sources"])


@router.get("/")
def read_sources(session: Session) -> list[SourceResponse]:
    """List all sources by name, also the detached ones."""
    return [SourceResponse.model_validate(summarize(session, source)) for source in list_sources(session)]


@router.post("/", status_code=HTTPStatus.CREATED)
def attach_source(body: SourceAttach, request: Request, settings: SettingsDep) -> AttachedResponse:
    """Attach a database. A schema and triggers are created there, and the workers do the rest.

    Answer 503 if that database does not answer.
    """
    sessions = request.app.state.sessions
    wanted = AttachRequest(body.name, body.url.get_secret_value(), profile_text(body.profile), body.never_fail)
    warnings = attach(sessions, wanted, settings)
    with sessions() as session:
        source = SourceResponse.model_validate(summarize(session, find_source(session, body.name)))
    return AttachedResponse(**source.model_dump(), warnings=list(warnings))


@router.get("/{source}")
def read_source(source: PathName, session: Session, settings: SettingsDep) -> SourceStatusResponse:
    """Return a source, what waits in its database, and its latest verification."""
    return SourceStatusResponse.of(read_status(session, find_source(session, source), settings.masking_key))


@router.delete("/{source}")
def detach_source(
    source: PathName, session: Session, settings: SettingsDep, force: Annotated[bool, Query()] = False
) -> RemovalResponse:
    """Remove everything from the database of a source. Its events stay.

    Answer 409 if changes wait there, and 503 if it does not answer; `force` gives these up.
    """
    return RemovalResponse.model_validate(detach(session, settings, source, force=force))


@router.post("/{source}/pause", status_code=HTTPStatus.NO_CONTENT)
def pause_source(source: PathName, session: Session, settings: SettingsDep) -> None:
    """Stop moving the changes of a source. They gather in its database."""
    pause(session, settings, source)


@router.post("/{source}/resume", status_code=HTTPStatus.NO_CONTENT)
def resume_source(
    source: PathName,
    session: Session,
    settings: SettingsDep,
    body: Annotated[SourceResume, Body(default_factory=SourceResume)],
) -> None:
    """Move the changes of a source again, at once even if the last tries failed. A new URL replaces its URL."""
    resume(session, settings, source, None if body.url is None else body.url.get_secret_value())


@router.post("/{source}/verify", status_code=HTTPStatus.ACCEPTED)
def verify_source(source: PathName, session: Session, settings: SettingsDep) -> VerificationRequested:
    """Ask the workers to compare all rows of a source with the log. They tell differences as `resynced`."""
    return VerificationRequested(requested=request_verification(session, settings, source))


@router.get("/{source}/verification")
def read_source_verification(source: PathName, session: Session) -> VerificationResponse:
    """Return the latest verification of a source, with at most 1000 differences. `finished` is null until its end."""
    return VerificationResponse.model_validate(read_verification(session, source))
