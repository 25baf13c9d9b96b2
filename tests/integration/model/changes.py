"""The changes that a client of the model test makes, each in the product and in the model.

The changes of each kind are in a separate file.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import pytest
from sqlalchemy.orm import Session

from app.errors import AppError, Conflict, NotFound
from tests.integration.model.histories import Draft

Change = Callable[[Session, Draft], None]


def without(fields: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return the fields without this one."""
    return {field: value for field, value in fields.items() if field != name}


def refused_unless(exists: bool, refusal: type[AppError] = NotFound) -> AbstractContextManager[Any]:
    """Expect a refusal (by default `NotFound`) unless the resource exists in the model."""
    return nullcontext() if exists else pytest.raises(refusal)


def refused_if(taken: bool) -> AbstractContextManager[Any]:
    """Expect a `Conflict` if the name is taken in the model."""
    return refused_unless(not taken, Conflict)
