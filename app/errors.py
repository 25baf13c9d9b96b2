"""The errors that aftercommit raises on purpose.

AppError                      500
├── ConfigurationError        the settings do not allow the process to start
│   └── WrongMaskingKey       the masks in the database were made with another key
├── StartupError              an embedded server or a child process did not start
├── RequestError              400  the request cannot be done
│   ├── InvalidRequest        422
│   │   └── InvalidProfile     a profile of a source cannot be used
│   ├── Unauthorized          401  no valid credential
│   │   └── ExpiredKey
│   ├── NotAllowed            403
│   ├── NotFound              404
│   ├── Conflict              409
│   ├── BodyTooLarge          413
│   ├── TooManyRequests       429
│   └── NotSupported          501  a Prefect server supports this, the registry does not
├── DispatchError             a snapshot cannot become an event
│   ├── UnknownKind
│   └── DeadlySnapshot
└── Unavailable               503  the database (or another part) does not answer now
    └── SourceUnavailable     the database of a source does not answer, or refuses
        ├── SourceBusy        a transaction there holds a table for long
        ├── SourceChanged     it is not the database that was attached, or an older state of it
        └── UnfitRow          a row there does not fit the profile

Error messages are written for people and never contain secret values.
"""

from http import HTTPStatus
from typing import ClassVar


class AppError(Exception):
    """The base of all errors that aftercommit raises on purpose."""

    status: ClassVar[HTTPStatus] = HTTPStatus.INTERNAL_SERVER_ERROR


class ConfigurationError(AppError):
    """The settings do not allow the process to start."""


class WrongMaskingKey(ConfigurationError):
    """The masks in the database were made with another key than the one in the settings."""


class StartupError(AppError):
    """An embedded server or a child process did not start."""


class RequestError(AppError):
    """The request cannot be done."""

    status = HTTPStatus.BAD_REQUEST


class InvalidRequest(RequestError):
    """The request is well-formed, but a value in it is not valid."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY


class InvalidProfile(InvalidRequest):
    """The profile of a source cannot be read, or is not valid."""


class Unauthorized(RequestError):
    """The request has no valid credential."""

    status = HTTPStatus.UNAUTHORIZED


class ExpiredKey(Unauthorized):
    """The key of the request was valid, but has expired."""


class NotAllowed(RequestError):
    """The resource must not be changed in this way, or not with this credential."""

    status = HTTPStatus.FORBIDDEN


class NotFound(RequestError):
    """The resource does not exist."""

    status = HTTPStatus.NOT_FOUND


class Conflict(RequestError):
    """The request conflicts with stored data."""

    status = HTTPStatus.CONFLICT


class BodyTooLarge(RequestError):
    """The request body is larger than the server accepts."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE


class TooManyRequests(RequestError):
    """The process is busy with requests of this sort. The same request may succeed later."""

    status = HTTPStatus.TOO_MANY_REQUESTS


class NotSupported(RequestError):
    """A Prefect server supports this, the registry does not."""

    status = HTTPStatus.NOT_IMPLEMENTED


class DispatchError(AppError):
    """A snapshot cannot become an event, because of a bug or unexpected data. It is retried, then parked."""


class UnknownKind(DispatchError):
    """A snapshot has a kind of resource that this version does not declare."""


class DeadlySnapshot(DispatchError):
    """Worker processes died while processing the snapshot."""


class Unavailable(AppError):
    """A part that the request needs does not answer now. The same request may succeed later."""

    status = HTTPStatus.SERVICE_UNAVAILABLE


class SourceUnavailable(Unavailable):
    """The database of a source does not answer now, or refuses a statement."""


class SourceBusy(SourceUnavailable):
    """A transaction in the database of a source holds a table for too long."""


class SourceChanged(SourceUnavailable):
    """The database of a source is not the one that was attached, or an older state of it."""


class UnfitRow(SourceUnavailable):
    """A row of a source lacks a column that identifies it, so it does not fit the profile."""
