"""Makes the pages of the reference again: `make reference`."""

from tests.docs.test_reference import REFERENCE, collect
from tests.kit.services import Service


def test_renew(plain: Service) -> None:
    for name, text in collect(plain).items():
        (REFERENCE / f"{name}.md").write_text(text, encoding="utf-8")
