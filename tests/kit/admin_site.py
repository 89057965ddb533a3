"""What a person does on the admin site."""

import re

from playwright.sync_api import Locator, Page, expect

from tests.kit.services import PASSWORD, USERNAME


def try_to_enter(page: Page, username: str = USERNAME, password: str = PASSWORD) -> None:
    page.get_by_label("Username or e-mail address").fill(username)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()


def enter(page: Page) -> None:
    """Wait until the login has ended. If another page is opened before that, the browser cancels the login."""
    try_to_enter(page)
    expect(page.get_by_role("button", name="Log in")).to_have_count(0)


def open_menu(page: Page, name: str) -> None:
    page.locator("#navbar-menu").get_by_text(name, exact=True).click()
    expect(page.locator(".card-title").first).to_have_text(name)


def click(what: Locator) -> None:
    """Click when the scripts of its page have run. Before that, a click on a button for a dialog does nothing."""
    what.wait_for()
    what.page.wait_for_load_state()
    what.click()


def row(page: Page, text: str, icon: str = "eye") -> None:
    """Click the icon in the row."""
    click(page.locator("tr", has_text=text).first.locator(f".fa-{icon}"))


def save(page: Page) -> None:
    page.get_by_role("button", name="Save", exact=True).click()


def search(page: Page, term: str) -> None:
    page.locator("#search-input").fill(term)
    click(page.locator("#search-button"))
    expect(page).to_have_url(re.compile(rf"[?&]search={term}\b"))
