"""The list of routes that the pages name is complete, compared with the scripts of the version under test."""

from pathlib import Path

from tests.page_routes import listed_for, routes_of, version_of


def test_every_route_in_the_scripts_is_listed(page_folder: Path) -> None:
    assert routes_of(page_folder / "prefect") == listed_for(version_of(page_folder))
