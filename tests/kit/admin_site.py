"""What a person does on the admin site."""

from playwright.sync_api import Locator, Page, expect

from tests.kit.services import PASSWORD, USERNAME


def enter(page: Page, username: str = USERNAME, password: str = PASSWORD) -> None:
    page.get_by_label("Username or e-mail address").fill(username)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()


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
    expect(page.locator("#search-input")).to_have_value(term)
