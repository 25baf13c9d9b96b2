"""The old page has its colours, although the Content-Security-Policy forbids `eval`."""

import re

from playwright.sync_api import expect

from tests.page.old.parts import choose, head
from tests.page.visit import Visit


def test_the_page_has_its_colours_and_dialogs_hide_what_is_behind_them(visit: Visit, deployment: str) -> None:
    visit.open(f"/deployments/deployment/{deployment}")
    choose(visit, "Delete", head(visit))

    expect(visit.page.locator("html")).to_have_class(re.compile(r"\b(dark|light)\b"))
    card = visit.dialog().locator(".p-modal__card")
    expect(card).not_to_have_css("background-color", "rgba(0, 0, 0, 0)")
