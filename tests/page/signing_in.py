"""Signing in on Prefect's pages."""

import re

from playwright.sync_api import expect

from tests.page.visit import Ui, Visit

WRONG: dict[Ui, str] = {"v2": "Invalid credentials", "v1": "Authentication failed."}
"""What each page says to a wrong credential."""
NOT_ALLOWED = re.compile(r"This request needs the role (write|admin); the credential has the role read\.")
BEFORE_SIGNING_IN = re.compile(r"401 |page: \w\w$")


def sign_in(visit: Visit, credential: str) -> None:
    """Enter a credential on the page that asks for it."""
    visit.field("admin:pass").fill(credential)
    visit.settle()
    visit.button("Login").click()


def open_signed_in(visit: Visit, path: str, credential: str) -> None:
    """Sign in, then open a page.

    It waits until the page has checked the credential: a new page that is left before that forgets it.
    """
    visit.open("/deployments")
    sign_in(visit, credential)
    expect(visit.field("admin:pass")).to_have_count(0)
    visit.settle()
    forget_refusals_before_signing_in(visit)
    visit.open(path)
    visit.settle()


def forget_refusals_before_signing_in(visit: Visit) -> None:
    """Forget the 401s: a page asks for some things before it asks for a credential. The old one reports some twice."""
    visit.problems[:] = [problem for problem in visit.problems if not BEFORE_SIGNING_IN.match(problem)]


def forget_refusals_of_role(visit: Visit) -> None:
    """Forget the 403 of this test, and its text on the console."""
    refusals = [problem for problem in visit.problems if problem.startswith("403 ") or NOT_ALLOWED.search(problem)]
    assert refusals
    visit.problems[:] = [problem for problem in visit.problems if problem not in refusals]
