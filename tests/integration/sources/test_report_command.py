"""`attach report` compares the events that a server told with the changes that were committed."""

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy.orm import Session, sessionmaker

from app.errors import Conflict, NotSupported
from app.settings import Settings
from tests.integration.sources.attach_command import error_of, run, run_successfully
from tests.integration.sources.attached import Attached
from tests.integration.sources.shop import Shop

TABLES = """
CREATE TABLE flow (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), name text);
CREATE TABLE work_pool (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), name text, description text, status text,
    is_paused boolean DEFAULT false, base_job_template jsonb DEFAULT '{}');
CREATE TABLE events (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), occurred timestamptz DEFAULT clock_timestamp(),
    event text, resource_id text, resource jsonb DEFAULT '{}', payload jsonb DEFAULT '{}');
"""
PROFILE = """
name = "prefect"
[kinds.flow]
table = "flow"
key = "id"
name = "name"
fields = { name = "equal" }
[kinds.work-pool]
table = "work_pool"
key = "id"
name = "name"
fields = { description = "equal", status = "equal", is_paused = "equal", base_job_template = "equal" }
"""
POOL = "00000000-0000-4000-8000-000000000001"
BYPASS = "SET LOCAL session_replication_role = replica"


class Server:
    """The database of a server with the tables that a report reads."""

    def __init__(self, attached: Attached) -> None:
        self.attached = attached

    def commit(self, *statements: str) -> None:
        """Commit changes, and move them into the log."""
        self.attached.run(*statements)

    def tell(self, event: str, payload: Any = None, resource: str = f"work-pool.{POOL}") -> None:
        """Insert an event into the server's table."""
        values = (f"prefect.{event}", f"prefect.{resource}", json.dumps(payload or {}))
        with psycopg.connect(self.attached.shop.address) as connection:
            connection.execute("INSERT INTO events (event, resource_id, payload) VALUES (%s, %s, %s)", values)

    def report(self, *options: str) -> Any:
        """Return the report as JSON."""
        result = run("report", "prod", "--json", *options)
        assert isinstance(result.exception, SystemExit | None), result.exception
        return json.loads(result.stdout)

    def problems(self) -> list[str]:
        """Return problem and event of each finding."""
        return sorted(f"{one['problem']} {one['event'].removeprefix('prefect.')}" for one in self.report()["findings"])


@pytest.fixture
def server(
    foreign_url: str,
    sessions: sessionmaker[Session],
    settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Server:
    """The attached database of a server, with one pool that existed before."""
    monkeypatch.setattr("app.sources.report.report.SETTLED", timedelta(0))
    shop = Shop(foreign_url)
    shop.run(TABLES, f"INSERT INTO work_pool (id, name, status) VALUES ('{POOL}', 'servers', 'READY')")
    profile = tmp_path / "prefect.toml"
    profile.write_text(PROFILE)
    run_successfully(shop.address, "--name", "prod", "--profile", str(profile))
    attached = Attached(shop, sessions, settings, "prod")
    attached.follow()
    return Server(attached)


def test_what_was_told_once_and_right_is_no_finding(server: Server) -> None:
    server.commit(f"UPDATE work_pool SET description = 'new' WHERE id = '{POOL}'")
    server.tell("work-pool.updated", {"updates": {"description": {"from": None, "to": "new"}}})

    report = server.report()

    assert (report["changes"], report["told"], report["findings"]) == (1, 1, [])
    assert run("report", "prod").exit_code == 0


def test_a_change_that_was_not_told_is_lost_and_has_its_id(server: Server) -> None:
    server.commit("INSERT INTO flow (name) VALUES ('etl')")

    report = server.report()

    (lost,) = report["findings"]
    event = server.attached.log()[-1]
    assert (lost["problem"], lost["event"], lost["name"]) == ("lost", "prefect.flow.created", "etl")
    assert (lost["change"], lost["position"]) == (str(event.id), event.position)
    (counts,) = report["counts"]
    assert (counts["changes"], counts["told"], counts["lost"], counts["is_known"]) == (1, 0, 1, False)
    assert run("report", "prod").exit_code == 1


def test_what_existed_at_the_attachment_is_no_change(server: Server) -> None:
    assert server.report()["changes"] == 0


def test_an_event_without_a_change_is_invented_and_a_repeated_one_told_twice(server: Server) -> None:
    server.commit(f"DELETE FROM work_pool WHERE id = '{POOL}'")
    server.tell("work-pool.deleted")
    server.tell("work-pool.deleted")
    server.tell("flow.created", resource="flow.1")

    assert server.problems() == ["invented flow.created", "twice work-pool.deleted"]


def test_wrong_values_are_shown_with_the_committed_ones(server: Server) -> None:
    server.commit(f"UPDATE work_pool SET description = 'new' WHERE id = '{POOL}'")
    server.tell("work-pool.updated", {"updates": {"description": {"from": "old", "to": "new"}}})

    (wrong,) = server.report()["findings"]

    assert wrong["wrong"] == [{"field": "description", "told": ["old", "new"], "committed": [None, "new"]}]
    assert 'description: told ["old", "new"], committed [null, "new"]' in run("report", "prod").stdout


def test_a_change_of_the_status_is_told_by_its_own_event(server: Server) -> None:
    server.commit(f"UPDATE work_pool SET status = 'PAUSED', is_paused = true, description = 'x' WHERE id = '{POOL}'")
    server.tell("work-pool.paused")

    report = server.report()

    assert report["changes"] == 2
    assert server.problems() == ["lost work-pool.updated"]


def test_values_of_the_server_are_masked_before_they_are_compared_and_shown(server: Server) -> None:
    template = {"password": "hunter2"}
    server.commit(f"UPDATE work_pool SET base_job_template = '{json.dumps(template)}' WHERE id = '{POOL}'")
    server.tell("work-pool.updated", {"updates": {"base_job_template": {"from": {}, "to": template}}})
    assert server.problems() == []

    server.tell("work-pool.updated", {"updates": {"base_job_template": {"from": {}, "to": {"password": "hunter3"}}}})

    text = run("report", "prod", "--json").stdout
    assert "invented" in text
    assert "hunter" not in text


def test_events_about_what_passed_by_the_triggers_are_not_judged(server: Server) -> None:
    server.attached.shop.run(BYPASS, f"UPDATE work_pool SET description = 'unseen' WHERE id = '{POOL}'")
    server.tell("work-pool.updated", {"updates": {"description": {"from": None, "to": "unseen"}}})
    server.commit(f"UPDATE work_pool SET description = 'seen' WHERE id = '{POOL}'")
    server.tell("work-pool.updated", {"updates": {"description": {"from": "unseen", "to": "seen"}}})

    report = server.report()

    assert (report["changes"], report["told"], report["not_judged"], report["findings"]) == (1, 1, 1, [])


def test_changes_that_are_not_moved_yet_end_the_report_before_them(server: Server) -> None:
    server.commit("INSERT INTO flow (name) VALUES ('first')")
    server.attached.shop.run("INSERT INTO flow (name) VALUES ('waits')")
    server.tell("flow.created", resource="flow.1")

    report = server.report()

    assert [one["name"] for one in report["findings"]] == ["first"]


def test_the_time_can_be_limited(server: Server) -> None:
    server.commit("INSERT INTO flow (name) VALUES ('etl')")

    assert server.report("--since", "1h")["changes"] == 1
    assert isinstance(error_of("report", "prod", "--since", "now"), Conflict)


def test_the_page_needs_nothing_else_and_interprets_no_name(server: Server, tmp_path: Path) -> None:
    server.commit("INSERT INTO flow (name) VALUES ('<script>alert(1)</script>')")
    page = tmp_path / "report.html"

    assert f"The page is in {page}." in run("report", "prod", "--html", str(page)).stdout

    text = page.read_text()
    assert "Of 1 changes, your server told 0." in text
    assert "&lt;script&gt;alert(1)" in text
    assert not re.search(r"<script|src=|href=|url\(|@import", text)


def test_a_page_that_cannot_be_written_is_reported(server: Server, tmp_path: Path) -> None:
    assert "cannot be written" in str(error_of("report", "prod", "--html", str(tmp_path)))


def test_another_application_has_no_such_events(attached: Attached) -> None:
    assert isinstance(error_of("report", "shop"), NotSupported)


def test_a_detached_source_has_no_report(server: Server) -> None:
    run_successfully("detach", "prod")

    assert isinstance(error_of("report", "prod"), Conflict)
