"""The address of a client is that of its connection, unless a trusted proxy names another one."""

import httpx2
import pytest
from sqlalchemy import select

from app.models import SnapshotRow
from tests.acceptance.stack import Stack


@pytest.mark.parametrize(
    ("trusted", "address"),
    [("", "127.0.0.1"), ("127.0.0.1,10.0.0.0/8", "192.0.2.7")],
    ids=["nobody is trusted", "two proxies are trusted"],
)
def test_only_a_trusted_proxy_names_the_address_of_a_client(stack: Stack, trusted: str, address: str) -> None:
    api = stack.start_api(trusted_proxies=trusted)
    # What the client wrote itself comes first. Each proxy adds the address that it sees.
    headers = {"X-Forwarded-For": "203.0.113.1, 192.0.2.7, 10.0.0.1"}
    httpx2.post(f"{api.url}/api/flows/", json={"name": f"from {address}"}, headers=headers).raise_for_status()
    with stack.sessions() as session:
        assert (
            session.scalars(select(SnapshotRow.attribution).where(SnapshotRow.name == f"from {address}")).one()[
                "address"
            ]
            == address
        )
