"""Actions of a reader of `/docs`, with Playwright."""

from playwright.sync_api import Locator, Page, Response, expect


def authorize(docs: Page, username: str, password: str) -> None:
    dialog = try_to_authorize(docs, username, password)
    expect(dialog.get_by_role("button", name="Remove authorization")).to_be_visible()
    dialog.get_by_role("button", name="Close").click()


def authorize_with(docs: Page, token: str) -> None:
    """Paste a token, like somebody who already has one."""
    dialog = open_dialog(docs, "HTTPBearer")
    dialog.get_by_label("auth-bearer-value").fill(token)
    dialog.get_by_role("button", name="Apply credentials").click()
    expect(dialog.get_by_role("button", name="Remove authorization")).to_be_visible()
    dialog.get_by_role("button", name="Close").click()


def open_dialog(docs: Page, scheme: str) -> Locator:
    """Return the part of the dialog for this security scheme."""
    docs.get_by_role("button", name="Authorize").first.click()
    return docs.locator(".modal-ux .auth-container").filter(has_text=scheme)


def try_to_authorize(docs: Page, username: str, password: str) -> Locator:
    """Return the dialog, still open."""
    dialog = open_dialog(docs, "OAuth2PasswordBearer")
    dialog.get_by_label("username:").fill(username)
    dialog.get_by_label("password:").fill(password)
    dialog.get_by_role("button", name="Apply given OAuth2 credentials").click()
    return dialog


def call(docs: Page, operation: str, body: str = "", **parameters: str) -> Response:
    """Fill in the form of an operation, for example `me-read_me` (tag and name), and press Execute.

    The page must show the answer.
    """
    block = docs.locator(f"#operations-{operation}")
    block.locator(".opblock-summary-control").click()
    for name, value in parameters.items():
        block.locator(f"tr:is([data-param-name={name}], [data-property-name={name}]) input").first.fill(value)
    if body:
        block.locator(".body-param__text").fill(body)
    with docs.expect_response(lambda response: response.request.resource_type == "fetch") as caught:
        block.get_by_role("button", name="Execute").click()
    expect(block.locator(".live-responses-table .response-col_status").last).to_contain_text(str(caught.value.status))
    return caught.value
