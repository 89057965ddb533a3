"""The pages for developers of a rendered project, in a browser."""

from playwright.sync_api import Page, expect

from tests.kit.browser import Browse
from tests.kit.servers import free_port
from tests.kit.services import PASSWORD, Service, connect, register, serve, wait_until


def test_a_developer_confirms_an_address_by_the_link_in_the_mail(browse: Browse, migrated: Service) -> None:
    port = free_port()
    with serve(migrated.with_env(PUBLIC_URL=f"http://127.0.0.1:{port}"), port) as served, connect(served) as client:
        page = browse(served.url)
        page.get_by_role("link", name="Development").click()
        expect(page.locator("main")).to_contain_text("No mails yet.")
        register(client, "developer").raise_for_status()
        wait_for_the_mail(page)
        page.locator("td a[href*=verify-email]").click()
        expect(page.get_by_role("button")).to_be_visible()

        page.goto(f"{served.url}/dev/mails/1/html")
        expect(page.locator("body")).to_have_css("background-color", "rgb(244, 245, 247)")
        page.get_by_role("link", name="Confirm the address").click()
        page.get_by_role("button").click()
        expect(page.locator("main")).to_contain_text("developer@example.com is confirmed")

        page.goto(f"{served.url}/dev")
        page.get_by_role("link", name="POST /users").click()
        expect(page.locator("main")).to_contain_text("INSERT INTO accounts_user")
        expect(page.locator("main")).not_to_contain_text(PASSWORD)


def wait_for_the_mail(page: Page) -> None:
    """It is sent after the answer."""

    def has_come() -> bool:
        page.reload()
        return page.get_by_role("link", name="Confirm your e-mail address").count() == 1

    wait_until(has_come)
