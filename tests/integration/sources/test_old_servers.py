"""A source may have an older PostgreSQL than our own database, but not any."""

import psycopg
import pytest
from sqlalchemy import make_url
from sqlalchemy.orm import Session, sessionmaker

from app.errors import NotAllowed
from app.settings import Settings
from app.sources import foreign
from tests.databases import with_database
from tests.integration.sources.attach_command import error_of, run_successfully
from tests.integration.sources.attached import Attached
from tests.integration.sources.shop import PROFILE, Shop
from tests.old_postgres import running_old_postgres


def test_a_database_of_an_older_postgresql_is_attached_and_followed(
    sessions: sessionmaker[Session], settings: Settings
) -> None:
    with running_old_postgres() as (url, version):
        if version < foreign.OLDEST_VERSION:
            pytest.skip(f"PostgreSQL {version} is refused")
        address = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
        with psycopg.connect(address, autocommit=True, client_encoding="utf8") as connection:
            connection.execute("CREATE DATABASE shop TEMPLATE template0 ENCODING 'UTF8'")
        attached = Attached(Shop(with_database(url, "shop")), sessions, settings)
        attached.shop.create()
        attached.attach()
        attached.follow()

        attached.run("INSERT INTO orders (number, title) VALUES (1, 'a')")
        attached.run("UPDATE orders SET title = 'b'")

        assert attached.told() == ["order.1 created", "order.1 updated"]
        run_successfully("detach", "shop")


@pytest.mark.usefixtures("settings")
def test_a_postgresql_that_is_too_old_is_refused(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(foreign, "OLDEST_VERSION", 99)

    error = error_of(shop.address, "--name", "shop", "--profile", str(PROFILE))

    assert isinstance(error, NotAllowed)
    assert "needs PostgreSQL 99 or newer; this server has " in str(error)


@pytest.mark.usefixtures("settings")
def test_a_real_postgresql_13_is_refused() -> None:
    with running_old_postgres() as (url, version):
        if version >= foreign.OLDEST_VERSION:
            pytest.skip(f"This is PostgreSQL {version}. Set OLD_POSTGRES to the programs of an older one.")
        error = error_of(url, "--name", "shop", "--profile", str(PROFILE))

    assert isinstance(error, NotAllowed)
    assert f"this server has {version}." in str(error)
