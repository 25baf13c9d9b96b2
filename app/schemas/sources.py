"""Request and response bodies of the source routes."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

from app.schemas.bodies import WireModel, without_nul
from app.schemas.examples import SOURCE, SOURCE_RESUMPTION, example
from app.schemas.shared import Text


def _without_nul(url: SecretStr) -> SecretStr:
    without_nul(url.get_secret_value())
    return url


Url = Annotated[SecretStr, Field(max_length=2000), AfterValidator(_without_nul)]
"""The URL of a database. No error and no log shows it."""


class SourceAttach(WireModel):
    """A database to attach. The server of the API connects to it."""

    model_config = example(SOURCE)

    name: Text
    url: Url
    profile: Text = "prefect"
    never_fail: bool = False


class SourceResume(WireModel):
    """How to go on: with the same URL, or with a new one that leads to the same database."""

    model_config = example(SOURCE_RESUMPTION)

    url: Url | None = None


class _FromObject(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class SourceResponse(_FromObject):
    """A source. Its URL is shown without the password."""

    name: str
    state: str
    profile: str
    url: str
    resources: int
    attached: datetime
    moved: datetime | None
    error: str | None
    failing_since: datetime | None
    held: int
    parked: int


class AttachedResponse(SourceResponse):
    """A new source, and what should be known of its database."""

    warnings: list[str]


class OpenTransactionResponse(_FromObject):
    """A transaction of the source's database that holds back its own changes. What our role may not see is null."""

    pid: int
    role: str | None
    application: str | None
    state: str | None
    seconds: float | None


class WaitingResponse(_FromObject):
    """What waits in the database of a source."""

    row_changes: int
    oldest_seconds: float | None
    bytes: int
    open_transactions: list[OpenTransactionResponse]


class VerificationSummary(_FromObject):
    """The latest verification of a source, as far as it is."""

    requested: datetime
    finished: datetime | None
    compared: int
    found: int


class SourceStatusResponse(SourceResponse):
    """A source, what waits in its database (null if that is not known), and its latest verification."""

    waiting: WaitingResponse | None
    verification: VerificationSummary | None

    @classmethod
    def of(cls, status: Any) -> Self:
        """Return the response for a status. If the database cannot be looked into, that is the error."""
        return cls(
            **{**asdict(status.summary), "error": status.problem or status.summary.error},
            waiting=None if status.waiting is None else WaitingResponse.model_validate(status.waiting),
            verification=(
                None if status.verification is None else VerificationSummary.model_validate(status.verification)
            ),
        )


class RemovalResponse(_FromObject):
    """What detaching has done. `lost` is null if it is not known; `left` says why something was left there."""

    lost: int | None
    left: str | None


class VerificationRequested(BaseModel):
    """When the verification was asked for."""

    requested: datetime


class DifferenceResponse(_FromObject):
    """A resource whose rows were not as the log told, and the event that says so."""

    event: UUID
    position: int
    resource: str
    name: str | None
    exists: bool
    fields: list[str]


class VerificationResponse(VerificationSummary):
    """The latest verification of a source, with the first differences."""

    differences: list[DifferenceResponse]
