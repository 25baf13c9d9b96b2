"""The API keys of a run: one for each client and probe, so that each event can be checked for its actor."""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from http import HTTPStatus

import httpx2
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from app.access.api_keys import create_key
from app.models.api_key import Role
from tests.waiting import wait_until


def create_keys(database_url: str, names: Iterable[str], urls: Sequence[str]) -> Mapping[str, str]:
    """Create a key with each of these names, wait until the APIs at `urls` know them, and return them by name."""
    engine = create_engine(database_url)
    with Session(engine) as session:
        keys = {name: create_key(session, name, Role.ADMIN) for name in names}
        session.commit()
    engine.dispose()
    # Until an API has read them, it accepts requests without a key.
    for url in urls:
        wait_until(partial(_needs_key, url), "the API to know the keys")
    return keys


def _needs_key(url: str) -> bool:
    return httpx2.get(f"{url}/api/csrf-token?client=x", trust_env=False).status_code == HTTPStatus.UNAUTHORIZED
