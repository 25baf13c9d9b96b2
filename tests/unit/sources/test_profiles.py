"""Profiles are parsed strictly: what is wrong is named with its place."""

from pathlib import Path

import pytest

from app.capture.kinds import tracked_kinds
from app.errors import InvalidProfile
from app.sources.profile_file import parse_profile, read_profile_text

VALID = """
name = "shop"
[kinds.order]
table = "orders"
key = "id"
name = "title"
noise = ["touched"]
fields = { state = "equal" }
edges = [{ role = "customer", kind = "customer", column = "customer_id" }]
[kinds.order.children.lines]
table = "order_line"
key = "id"
parent = "order_id"
fields = ["article"]
[kinds.customer]
table = "crm.customer"
key = "id"
name = "name"
fields = {}
"""


def problems(text: str) -> list[str]:
    """Return the lines below the first one of the error for this profile."""
    with pytest.raises(InvalidProfile) as caught:
        parse_profile(text)
    return [line.strip() for line in str(caught.value).splitlines()[1:]]


def test_a_valid_profile_is_accepted() -> None:
    profile = parse_profile(VALID)

    assert {name: table.schema_and_table for name, table in profile.tables.items()} == {
        "orders": ("public", "orders"),
        "order_line": ("public", "order_line"),
        "crm.customer": ("crm", "customer"),
    }


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('key = "id"', 'kye = "id"', "kinds.order.key: is missing"),
        ('key = "id"', 'key = "id"\ncolour = 1', "kinds.order.colour: is not a key of a profile"),
        ('state = "equal"', 'state = "alike"', "'equal', 'unordered' or 'same content'"),
        ('noise = ["touched"]', 'noise = ["state"]', "kinds.order: state cannot be noise and be used"),
        ('noise = ["touched"]', 'noise = ["customer_id"]', "kinds.order: customer_id cannot be noise and be used"),
        ('fields = ["article"]', "fields = []", "kinds.order.children.lines.fields: tuple should have at least 1 item"),
        ('state = "equal"', 'lines = "equal"', "kinds.order: lines cannot be a column and a list of children"),
        ('kind = "customer"', 'kind = "client"', "the edges of order lead to kinds that are not declared: client"),
        ('"order_line"', '"orders"', "each table can be used once; used more often: public.orders"),
        ('"order_line"', '"public.orders"', "each table can be used once; used more often: public.orders"),
        ("[kinds.customer]", "[kinds.Customer]", "kinds.Customer: must be lower-case words"),
        (
            'name = "title"',
            'name = "title"\nmasked = ["card.number"]',
            "masked has paths that begin with no field: card",
        ),
        (
            'name = "title"',
            'name = "title"\nlabels = { "aftercommit.source" = "state" }',
            "is a label that every event has already",
        ),
    ],
)
def test_what_is_wrong_is_named_with_its_place(old: str, new: str, problem: str) -> None:
    assert old in VALID
    assert problem in "\n".join(problems(VALID.replace(old, new, 1)))


def test_a_text_that_is_not_toml_is_refused() -> None:
    with pytest.raises(InvalidProfile, match="The profile is not TOML"):
        parse_profile("name = ")


def test_a_missing_file_is_refused_with_the_names_of_our_profiles() -> None:
    with pytest.raises(InvalidProfile, match=r"No such file.*or one of: prefect"):
        read_profile_text("nowhere.toml")


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "profile.toml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(InvalidProfile, match="not UTF-8"):
        read_profile_text(str(path))


def test_the_prefect_profile_has_the_kinds_fields_and_rules_of_our_own_registry() -> None:
    profile = parse_profile(read_profile_text("prefect"))

    declared = {name: {**kind.fields, **dict.fromkeys(kind.children)} for name, kind in profile.kinds.items()}
    own = {kind.name: dict(kind.tracked) for kind in tracked_kinds()}
    own["deployment"] |= {"schedules": None}  # type: ignore[dict-item]  # Here they are rows of another table.
    assert declared == own
