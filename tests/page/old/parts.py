"""The parts of the old page that its tests use."""

from playwright.sync_api import Locator

from tests.page.visit import Visit


def head(visit: Visit) -> Locator:
    """Return the head of the page."""
    return visit.page.get_by_role("banner")


def choose(visit: Visit, item: str, menu: Locator) -> None:
    """Open a menu, which is the last button of its row or head, and choose an item."""
    menu.get_by_role("button").last.click()
    visit.button(item, visit.page.locator(".p-overflow-menu")).click()


def delete_ticked(visit: Visit, number: int) -> None:
    """Delete the ticked rows of a list."""
    visit.page.get_by_text(f"{number} selected").locator("xpath=following::button[1]").click()
    visit.answer("Delete")


def pick(visit: Visit, select: Locator, option: str) -> None:
    """Open a select with the keyboard, because a click of Playwright opens and closes it, and click on an option."""
    select.press("ArrowDown")
    visit.page.get_by_role("option", name=option).first.click()
