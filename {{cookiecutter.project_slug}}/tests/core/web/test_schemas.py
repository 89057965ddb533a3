import pytest
from pydantic import BaseModel, ValidationError

from app.core.web import WebAddress


class Link(BaseModel):
    url: WebAddress


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ("https://example.com", "https://example.com/"),
        ("http://EXAMPLE.com/é?a=b#c", "http://example.com/%C3%A9?a=b#c"),
    ],
)
def test_an_address_becomes_text(sent: str, stored: str) -> None:
    assert Link.model_validate({"url": sent}).model_dump() == {"url": stored}


@pytest.mark.parametrize(
    "wrong",
    ["", "example.com", "ftp://example.com/", "javascript:alert(1)", "https://example.com/" + "é" * 2000],
)
def test_what_is_no_address_is_refused(wrong: str) -> None:
    with pytest.raises(ValidationError):
        Link.model_validate({"url": wrong})
