"""The bodies of error responses, in Prefect's formats, for the OpenAPI document. `app.web.errors` sends them."""

from typing import Any

from pydantic import BaseModel, ConfigDict


def _example(**body: Any) -> ConfigDict:
    return ConfigDict(json_schema_extra={"examples": [body]})


class ErrorDetail(BaseModel):
    """Why the request was refused."""

    detail: str


class ErrorMessage(BaseModel):
    """Why the request was not served."""

    exception_message: str


class ValidationProblem(BaseModel):
    """One problem of a request."""

    type: str
    loc: list[str | int]
    msg: str


class InvalidRequestMessage(BaseModel):
    """What is invalid in a request. The first 20 problems are listed, without the values."""

    exception_message: str
    exception_detail: list[ValidationProblem]
    request_body: None


class Ready(BaseModel):
    """The API can serve requests."""

    model_config = _example(message="OK")

    message: str


class NotReady(BaseModel):
    """The API cannot serve requests now."""

    model_config = _example(
        message="broker: does not answer (ConnectionError)",
        reasons={"broker": "does not answer (ConnectionError)"},
    )

    message: str
    reasons: dict[str, str]
