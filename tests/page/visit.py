"""A browser tab with one of Prefect's two web pages. It notes whatever goes wrong in it."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal

from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, Request, Response, expect

from app.page.files import PATHS
from app.page.serving import CHOICE_COOKIE
from tests.page.refusals import REFUSALS

Ui = Literal["v2", "v1"]
Scheme = Literal["light", "dark"]

MILLISECONDS = 20_000
"""How long the browser waits for what it is to find; a loaded machine is slow."""
REPEATED = re.compile(r"Failed to load resource|(Error: )?aftercommit |\w\w$")
"""A refusal on the console: its status, our text for it, or the short name of an error of the old page."""
FAULTS_OF_THE_OLD_PAGE = re.compile(
    r"TypeError: Cannot convert object to primitive value\n"  # when rows of a list are ticked
    r'|\w\w: Batch lookup failed for id: "'  # when an event names a flow or a deployment that is deleted
)
"""Errors on the console that the old page also logs with a Prefect server, 3.8.8, after the same clicks."""
OWN_SCHEMES = ("data:", "blob:")


@dataclass
class Visit:
    """A tab, the address of the service, and which page is shown."""

    page: Page
    url: str
    ui: Ui
    problems: list[str] = field(default_factory=list)
    """Errors on the console, requests to other hosts, and refusals that docs/wire-compatibility.md does not name."""

    def open(self, path: str) -> None:
        """Show this path of the page, such as `/deployments`."""
        self.page.goto(self.url + PATHS[self.ui] + path, wait_until="load")

    def settle(self) -> None:
        """Wait until the page has its data. Before that, what is typed into a form may be overwritten."""
        self.page.wait_for_load_state("networkidle")

    def shows(self, *texts: str) -> None:
        """Wait until the page shows each of these texts."""
        for text in texts:
            expect(self.page.get_by_text(text).first).to_be_visible()

    def button(self, name: str, within: Locator | None = None) -> Locator:
        """Return the first button with exactly this name."""
        return (within or self.page).get_by_role("button", name=name, exact=True).first

    def row(self, name: str) -> Locator:
        """Return the row of a table that has this link or text."""
        return self.page.get_by_role("row").filter(has_text=name)

    def choose(self, item: str, of: Locator) -> None:
        """Open the menu of a row, and choose one of its items."""
        self.button("Open menu", of).click()
        self.page.get_by_role("menuitem", name=item, exact=True).click()

    def dialog(self) -> Locator:
        """Return the dialog that is open."""
        return self.page.locator("[role=dialog], [role=alertdialog]").last

    def answer(self, button: str) -> None:
        """Press a button of the open dialog, and wait until the dialog is gone."""
        dialog = self.dialog()
        self.button(button, dialog).click()
        expect(dialog).to_be_hidden()

    def search(self, field: str, text: str) -> None:
        """Type into a search field of a list, and wait until the list is searched, which its address tells.

        The search begins a moment after the typing ends. What is clicked before that is clicked in the old list, and
        what is typed before the page has its first list may be lost.
        """
        self.settle()
        self.page.get_by_role("searchbox" if self.ui == "v1" else "textbox", name=field, exact=True).fill(text)
        self.page.wait_for_url(lambda url: f"={text}" in url)

    def field(self, name: str) -> Locator:
        """Return the text field with this name or place holder."""
        return self.page.get_by_role("textbox", name=name, exact=True)

    def note_console(self, message: ConsoleMessage) -> None:
        """Note an error, unless it only repeats a refusal, which is noted anyway, or is a known fault of the page."""
        is_known = self.ui == "v1" and FAULTS_OF_THE_OLD_PAGE.match(message.text)
        if message.type == "error" and not is_known and not REPEATED.match(message.text):
            self.problems.append(f"console: {message.text}")

    def note_request(self, request: Request) -> None:
        """Note a request to another host."""
        if not request.url.startswith((f"{self.url}/", *OWN_SCHEMES)):
            self.problems.append(f"another host: {request.method} {request.url}")

    def note_response(self, response: Response) -> None:
        """Note a refusal that is not in the table of known ones."""
        path = response.url.removeprefix(self.url)
        said = f"{response.status} {response.request.method} {path}"
        if response.status >= 400 and not any(re.fullmatch(known, said) for known in REFUSALS):
            self.problems.append(said)


@contextmanager
def visiting(browser: Browser, url: str, ui: Ui, scheme: Scheme) -> Iterator[Visit]:
    """Open a tab in a context of its own, with this page as the chosen one."""
    context = browser.new_context(
        viewport={"width": 1300, "height": 850}, color_scheme=scheme, timezone_id="UTC", locale="en-US"
    )
    context.add_cookies([{"name": CHOICE_COOKIE, "value": ui, "url": url}])
    context.set_default_timeout(MILLISECONDS)
    expect.set_options(timeout=MILLISECONDS)
    page = context.new_page()
    # The event feed ends with the last full minute, so the browser's clock is ahead.
    page.clock.set_system_time(datetime.now(UTC) + timedelta(minutes=2))
    visit = Visit(page, url, ui)
    page.on("console", visit.note_console)
    page.on("pageerror", lambda error: visit.problems.append(f"page: {error}"))
    page.on("request", visit.note_request)
    page.on("response", visit.note_response)
    yield visit
    context.close()
