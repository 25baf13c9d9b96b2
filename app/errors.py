"""Every error that aftercommit raises on purpose.

AppError                      500
├── ConfigurationError        the process cannot start as it is set up
├── StartupError              an embedded server or a child process did not come up
├── RequestError              400  what the caller asked for cannot be
│   ├── InvalidRequest        422
│   ├── NotAllowed            403
│   ├── NotFound              404
│   ├── Conflict              409
│   ├── BodyTooLarge          413
│   └── NotOffered            501  a Prefect server has it, this registry does not
├── DispatchError             a snapshot that cannot become an event
│   ├── UnknownKind
│   └── DeadlySnapshot
└── Unavailable               503  the database (or another part) does not answer now

The message of an error is written for the person who reads it; it never holds a secret value.
"""

from http import HTTPStatus
from typing import ClassVar


class AppError(Exception):
    """Anything that aftercommit raises on purpose."""

    status: ClassVar[HTTPStatus] = HTTPStatus.INTERNAL_SERVER_ERROR


class ConfigurationError(AppError):
    """The settings do not allow the process to start."""


class StartupError(AppError):
    """A server or a child process did not come up."""


class RequestError(AppError):
    """What the caller asked for cannot be done."""

    status = HTTPStatus.BAD_REQUEST


class InvalidRequest(RequestError):
    """The request is well-formed but says something that is not valid."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY


class NotAllowed(RequestError):
    """The thing may not be changed in this way."""

    status = HTTPStatus.FORBIDDEN


class NotFound(RequestError):
    """There is no such thing."""

    status = HTTPStatus.NOT_FOUND


class Conflict(RequestError):
    """The request contradicts what is stored."""

    status = HTTPStatus.CONFLICT


class BodyTooLarge(RequestError):
    """The request body is larger than the server takes."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE


class NotOffered(RequestError):
    """A Prefect server does this; the registry does not."""

    status = HTTPStatus.NOT_IMPLEMENTED


class DispatchError(AppError):
    """A snapshot cannot become an event: a bug or a row too odd. It is retried, then parked."""


class UnknownKind(DispatchError):
    """A snapshot names a kind of resource that this version does not declare."""


class DeadlySnapshot(DispatchError):
    """Worker processes died while they had the snapshot in hand."""


class Unavailable(AppError):
    """A part that the request needs does not answer now; the same request may succeed later."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
