"""Makes the pages of the reference again: `make reference`."""

from tests.services import Service
from tests.test_reference import REFERENCE, collect


def test_renew(plain: Service) -> None:
    for name, text in collect(plain).items():
        (REFERENCE / f"{name}.md").write_text(text, encoding="utf-8")
