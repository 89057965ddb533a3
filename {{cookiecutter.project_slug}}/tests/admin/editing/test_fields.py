"""Columns and keys of different kinds in a form. The template itself tries many more."""

import enum
import re
from collections.abc import AsyncIterator
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar

import pytest
from httpx import AsyncClient
from sqlalchemy import JSON, DateTime, Enum, LargeBinary, Numeric, String, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, column_property, deferred, mapped_column, validates

from app.admin import ModelAdmin
from app.admin.checks import columns_have_fields
from app.core.db import Database
from app.settings import Settings
from tests.admin.conftest import ClientOf
from tests.conftest import as_shown


class Base(DeclarativeBase):
    """Not the base of the app: `migrate` would know the model."""

    __permissions__ = ("view",)
    __audited__ = ()


class Danger(enum.IntEnum):
    none = 0
    bites = 1


class Size(enum.StrEnum):
    extra_large = "extra-large"


class Parcel(Base):
    __tablename__ = "parcel"

    code: Mapped[str] = mapped_column("parcel_code", String(20), primary_key=True)
    weight: Mapped[float] = mapped_column(default=0.0)
    sent: Mapped[datetime] = mapped_column(DateTime, default=func.now())
    label: Mapped[str | None] = mapped_column(default=lambda context: context.get_current_parameters()["parcel_code"])
    danger: Mapped[Danger] = mapped_column(Enum(Danger, native_enum=False), default=Danger.none)
    size: Mapped[Size | None] = mapped_column(Enum(Size, native_enum=False))
    extra: Mapped[Any] = mapped_column(JSON, nullable=True)
    essay: Mapped[str | None] = deferred(mapped_column(String(20)))
    shown: Mapped[str | None]
    data: Mapped[str | None]
    meta: Mapped[str | None]  # a form cannot have a field of this name
    picture: Mapped[bytes | None] = mapped_column(LargeBinary)
    price: Mapped[Decimal | None] = mapped_column(Numeric(10, 2))
    key_file: Mapped[bytes] = mapped_column(LargeBinary, default=b"")
    loud: Mapped[str] = column_property(func.upper(code))

    @validates("shown")
    def _refuse(self, _key: str, value: str | None) -> str | None:
        if value == "forbidden":
            raise ValueError("This is forbidden.")
        return value


class ParcelAdmin(ModelAdmin, model=Parcel):
    form_excluded_columns: ClassVar = ["key_file"]


@pytest.fixture
async def parcels(database: Database) -> AsyncIterator[None]:
    async with database.engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    yield
    async with database.engine.begin() as connection:
        await connection.run_sync(Base.metadata.drop_all)


@pytest.fixture
async def client(parcels: None, client_of: ClientOf) -> AsyncClient:
    return await client_of(ParcelAdmin)


async def create(client: AsyncClient, **form: str) -> tuple[int, list[str]]:
    """Return the status, and what the form says."""
    form = {"code": "a", "weight": "0", "danger": "none"} | form
    answer = await client.post("/admin/parcel/create", data=form | {"save": "Save"})
    said = re.findall(r'(?:invalid-feedback|role="alert")[^>]*>(.*?)</div>', answer.text, re.DOTALL)
    return answer.status_code, [" ".join(re.sub("<.*?>", "", each).split()) for each in said]


async def test_a_row_gets_the_key_that_somebody_types_and_the_defaults_of_the_database(
    client: AsyncClient, db: AsyncSession
) -> None:
    assert (await client.get("/admin/parcel/create")).status_code == 200

    assert await create(client, code="a/b?", sent="", label="") == (302, [])

    (made,) = await db.scalars(select(Parcel))
    assert (made.code, made.label, made.danger, made.sent is None) == ("a/b?", "a/b?", Danger.none, False)


async def test_a_form_names_a_member_as_lists_do(client: AsyncClient) -> None:
    form = (await client.get("/admin/parcel/create")).text
    assert '<option value="extra_large">extra-large</option>' in form

    assert await create(client, size="extra_large") == (302, [])
    assert "extra-large" in (await client.get("/admin/parcel/list")).text


async def test_a_key_may_have_any_characters(client: AsyncClient, db: AsyncSession) -> None:
    for code in ("a/b?", "c,d", "100%", "~", "é;"):
        assert await create(client, code=code) == (302, [])
    listed = (await client.get("/admin/parcel/list")).text
    for link in re.findall(r'href="([^"]*/(?:details|edit)/[^"]*)"', listed):
        assert (await client.get(link)).status_code == 200, link

    keys = re.findall(r'<input type="hidden" value="([^"]*)">', listed)
    assert (await client.delete(f"/admin/parcel/delete?pks={','.join(keys)}")).is_success
    assert list(await db.scalars(select(Parcel))) == []


async def test_an_edit_keeps_the_key_and_writes_deferred_columns(client: AsyncClient, db: AsyncSession) -> None:
    db.add(Parcel(code="a", essay="long", danger=Danger.bites))
    await db.commit()
    page = await client.get("/admin/parcel/edit/a")
    assert ('name="code"' in page.text, "long" in page.text) == (False, True)

    form = {"code": "b", "essay": "short", "shown": "x", "data": "y", "save": "Save"} | as_shown(page)
    assert (await client.post("/admin/parcel/edit/a", data=form)).status_code == 302

    db.expire_all()
    row = (await db.execute(select(Parcel.code, Parcel.essay, Parcel.shown, Parcel.data, Parcel.danger))).one()
    assert row == ("a", "short", "x", "y", Danger.bites)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("weight", "nan", "Not a finite number."),
        ("weight", "1e999", "Not a finite number."),
        ("price", "1.999", "Number cannot have more than 2 decimals."),
        ("price", "1e-999999999", "Number cannot have more than 2 decimals."),
        ("price", "100000000", "Number must be between -99999999.99 and 99999999.99."),
        ("danger", "1", "Not a valid choice."),
        ("extra", "NaN", "Not valid JSON."),
        ("extra", "[" * 5000, "Not valid JSON."),
        ("extra", '"\\ud800"', "Not valid JSON."),
        ("extra", '"\\u0000"', "Not valid JSON."),
        ("extra", "[" * 201 + "]" * 201, "Not valid JSON."),
        ("extra", str(2**63), "Not valid JSON."),
        ("code", "", "This field is required."),
        ("code", "x" * 21, "Field cannot be longer than 20 characters."),
        ("shown", "forbidden", "This is forbidden."),
    ],
)
async def test_what_does_not_fit_is_said_on_the_form(client: AsyncClient, name: str, value: str, said: str) -> None:
    assert await create(client, **{name: value}) == (400, [said])


@pytest.mark.parametrize("price", ["-99999999.99", "99999999.99", "1.50000", "1e3", "0.000", ""])
async def test_a_number_with_the_digits_of_its_column_is_stored(
    client: AsyncClient, db: AsyncSession, price: str
) -> None:
    assert await create(client, price=price) == (302, [])

    assert await db.scalar(select(Parcel.price)) == (Decimal(price) if price else None)


async def test_check_names_a_column_without_a_field(
    client: AsyncClient, settings: Settings, database: Database
) -> None:
    assert 'name="picture"' not in (await client.get("/admin/parcel/create")).text
    found = [each async for each in columns_have_fields(settings, database)]
    assert [each.id for each in found] == ["admin.I001", "admin.I001"]
    assert "for meta (String)" in found[0].message
    assert "for picture (LargeBinary)" in found[1].message


async def test_a_formula_is_exported_as_text(client: AsyncClient, db: AsyncSession) -> None:
    """Also where the value is none, but what is shown of it is."""
    db.add_all([Parcel(code="a", shown="=1+1", weight=-1.5, extra="@x"), Parcel(code="b", shown="\uff1d1+1")])
    await db.commit()

    _, line, wide = sorted((await client.get("/admin/parcel/export/csv")).text.splitlines(), key=len, reverse=True)

    assert ("'=1+1" in line, ",-1.5," in line, "'@x" in line) == (True, True, True)
    assert "'\uff1d1+1" in wide
