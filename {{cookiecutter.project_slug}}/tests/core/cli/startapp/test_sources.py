import pytest

from app.core.cli.startapp.sources import clashes, prune

TEMPLATE = '''"""A file."""

import datetime as dt
import enum
from decimal import Decimal
from uuid import UUID

from sqlalchemy import Index, Numeric

from app.xyzzy import Plugh
from app.core.db import Base

x: UUID = Index(dt, Base, Plugh)
'''
PRUNED = '''"""A file."""

import datetime as dt
from uuid import UUID

from sqlalchemy import Index

from app.core.db import Base
from app.xyzzy import Plugh

x: UUID = Index(dt, Base, Plugh)
'''


def test_imports_that_a_file_does_not_use_go() -> None:
    assert prune(TEMPLATE) == PRUNED


def test_a_block_that_is_empty_then_goes_with_its_line() -> None:
    assert prune("import enum\n\nfrom a import b\n\nb\n") == "from a import b\n\nb\n"


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("from a import Index\nclass Index: ...", {"Index"}),
        ("def f(new, new): ...", {"new"}),
        ("def f(new):\n    new = 1", {"new"}),
        ("from a import status\ndef f():\n    status = 1", {"status"}),
        ("from a import db\ndef f(db): ...", {"db"}),
        ("class A:\n    str: Mapped[str]", {"str"}),
        ("class A:\n    mapped: int = 1\n    b: int = mapped()", {"mapped"}),
    ],
)
def test_a_name_with_two_meanings_is_found(source: str, names: set[str]) -> None:
    assert clashes(source) == names


@pytest.mark.parametrize(
    "source",
    [
        "import pytest\n@pytest.fixture\ndef new(): ...\ndef test(new): ...",
        "@marked([method for method in x])\ndef f(method): ...",
        "class A:\n    id: int = column()\n    a_id: int = column()\n    a: int = related(key=a_id, remote=id)",
        "class A:\n    day: dt.date\n    date: dt.date",
    ],
)
def test_other_names_may_be_the_same(source: str) -> None:
    assert clashes(source) == set()
