"""The request bodies of the routes that Prefect's web pages call."""

from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, Field

from app.schemas.examples import FLOW_IDS, FLOW_RUN_IDS, VALUES_TO_CHECK, example
from app.schemas.shared import LIST_LIMIT, Object

Ids = Annotated[list[UUID], Field(max_length=LIST_LIMIT, fail_fast=True)]


class FlowIds(BaseModel):
    """Flows to say something about."""

    model_config = example(FLOW_IDS)

    flow_ids: Ids


class FlowRunIds(BaseModel):
    """Flow runs to say something about."""

    model_config = example(FLOW_RUN_IDS)

    flow_run_ids: Ids


class ValuesToCheck(BaseModel):
    """The values of a form, and the schema that describes them."""

    model_config = example(VALUES_TO_CHECK)

    json_schema: Annotated[Object, Field(alias="schema")]
    values: Object


class CheckedValues(BaseModel):
    """Whether the values of a form fit their schema, and the reason if they do not."""

    valid: bool
    errors: list[str]
