"""Own fields of users, with a model of these tests."""

import datetime as dt
import enum
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

import pytest
from pydantic import BaseModel, ConfigDict, ValidationError
from sqlalchemy import JSON, Numeric, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from app.accounts.fields import shown
from app.accounts.users.own_fields import extended, own_columns, own_values
from app.core.db import UTCDateTime
from app.core.web import WebAddress


class Tone(enum.StrEnum):
    KIND = "kind"
    RUDE = "rude"


class Other(DeclarativeBase):
    """Its tables are not in the database."""


class Fields:
    bio: Mapped[str] = mapped_column(
        String(20), default="", info=shown("api", "profile", example="I fell.", description="Some words.")
    )
    site: Mapped[str | None] = mapped_column(String(2083), info=shown("profile", schema=WebAddress))
    level: Mapped[int] = mapped_column(default=1, info=shown("profile", "admin"))
    ratio: Mapped[float | None] = mapped_column(info=shown("profile"))
    price: Mapped[Decimal | None] = mapped_column(Numeric(5, 2), info=shown("profile"))
    born: Mapped[dt.date | None] = mapped_column(info=shown("profile"))
    seen: Mapped[dt.datetime | None] = mapped_column(UTCDateTime, info=shown("profile"))
    tone: Mapped[Tone] = mapped_column(default=Tone.KIND, info=shown("profile"))
    size: Mapped[Literal["S", "L"] | None] = mapped_column(String(1), info=shown("profile"))
    wait: Mapped[dt.timedelta | None] = mapped_column(info=shown("profile"))
    likes: Mapped[dict[str, Any] | None] = mapped_column(JSON, info=shown("profile"))
    tags: Mapped[Any] = mapped_column(JSON, default=list, info=shown("profile", schema=list[Any]))
    hidden: Mapped[str] = mapped_column(String(20), default="")


class Person(Fields, Other):
    __tablename__ = "person"

    id: Mapped[UUID] = mapped_column(primary_key=True)


@extended("profile", Person)
class Update(BaseModel):
    """A body."""

    name: str = ""


@extended("api", Person)
class Read(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: UUID


def properties(schema: type[BaseModel]) -> dict[str, Any]:
    found: dict[str, Any] = schema.model_json_schema()["properties"]
    return found


def test_each_place_has_its_fields() -> None:
    assert list(own_columns("admin", Person)) == ["level"]
    assert list(own_columns("registration", Person)) == []
    assert list(properties(Read)) == ["id", "bio"]
    assert {"name", *own_columns("profile", Person)} == set(properties(Update)) >= {"bio", "site", "size"}
    assert "hidden" not in properties(Update)


def test_the_document_has_limits_and_examples() -> None:
    bio = properties(Update)["bio"]
    assert bio["anyOf"][0] == {"type": "string", "maxLength": 20}
    assert (bio["examples"], bio["description"]) == (["I fell."], "Some words.")
    assert Update.__doc__ == "A body."
    assert Update.model_json_schema()["title"] == "Update"
    assert properties(Read)["bio"]["examples"] == ["I fell."]


def test_a_schema_without_own_fields_stays_as_it_is() -> None:
    class Body(BaseModel):
        name: str

    assert extended("registration", Person)(Body) is Body


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("bio", "x" * 21),
        ("bio", "\0"),
        ("site", "ftp://example.com"),
        ("level", 2**31),
        ("ratio", "NaN"),
        ("price", "1000.00"),
        ("born", "2026-02-30"),
        ("seen", "2026-01-31T12:00:00"),
        ("tone", "loud"),
        ("size", "M"),
        ("wait", "P2932897D"),
        ("likes", ["a"]),
        ("likes", {"a": "\0"}),
        ("likes", {"\ud800": 1}),
        ("likes", {"a": [float("nan")]}),
        ("likes", {"a": 2**63}),
        ("tags", ["\ud800"]),
    ],
)
def test_what_does_not_fit_is_refused(field: str, value: object) -> None:
    with pytest.raises(ValidationError, match=field):
        Update.model_validate({field: value})


def test_a_body_gives_what_it_names() -> None:
    body = {"name": "Ada", "bio": "I fell.", "site": "https://example.com", "tone": "rude", "size": "L"}

    values = own_values("profile", Update.model_validate(body), Person)

    assert values == {"bio": "I fell.", "site": "https://example.com/", "tone": Tone.RUDE, "size": "L"}


def test_null_empties_what_may_be_null() -> None:
    values = own_values("profile", Update.model_validate({"bio": None, "site": None}), Person)

    assert values == {"site": None}


def test_an_answer_has_the_value() -> None:
    person = Person(id=UUID(int=1), bio="I fell.", hidden="x")

    assert Read.model_validate(person).model_dump() == {"id": UUID(int=1), "bio": "I fell."}
