from collections.abc import AsyncIterator
from pathlib import Path
from random import Random
from uuid import UUID

import pytest
from sqlalchemy import ForeignKey, String, UniqueConstraint, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from app.accounts import User
from app.accounts.models import Group
from app.core.cli import CommandError, seeding
from app.core.cli.seeding import Factories, Seeder, chosen, find_factories, in_order, without_factory
from app.core.db import Database
from tests.accounts.factories import GroupFactory, UserFactory
from tests.commands import call
from tests.conftest import Login
from tests.core.cli.conftest import SetVariable
from tests.databases import new_database
from tests.factories import ModelFactory, invented, numbered


class Base(DeclarativeBase): ...


class Owner(Base):
    __tablename__ = "seed_owner"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(1), unique=True)
    albums: Mapped[list["Album"]] = relationship(back_populates="owner", lazy="raise")

    def __str__(self) -> str:
        return self.name


class Album(Base):
    __tablename__ = "seed_album"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    owner_id: Mapped[UUID] = mapped_column(ForeignKey(Owner.id))
    size: Mapped[int]
    owner: Mapped[Owner] = relationship(back_populates="albums", lazy="raise")


class Photo(Base):
    """It refers to an album of its own owner. Each album has one cover."""

    __tablename__ = "seed_photo"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    owner_id: Mapped[UUID] = mapped_column(ForeignKey(Owner.id))
    album_id: Mapped[UUID] = mapped_column(ForeignKey(Album.id))
    cover_id: Mapped[UUID | None] = mapped_column(ForeignKey(Album.id), unique=True)
    parent_id: Mapped[UUID | None] = mapped_column(ForeignKey("seed_photo.id"))
    owner: Mapped[Owner] = relationship(lazy="raise")
    album: Mapped[Album] = relationship(foreign_keys=album_id, lazy="raise")
    cover: Mapped[Album | None] = relationship(foreign_keys=cover_id, lazy="raise")
    parent: Mapped["Photo | None"] = relationship(remote_side=id, lazy="raise")

    __table_args__ = (UniqueConstraint("album_id", "owner_id"),)


class OwnerFactory(ModelFactory[Owner]):  # type: ignore[type-var]  # a base of its own: no migration knows these tables
    name = invented(lambda fake: fake.random_element("abc"))


class AlbumFactory(ModelFactory[Album]):  # type: ignore[type-var]
    owner = OwnerFactory
    size = numbered(int)


class PhotoFactory(ModelFactory[Photo]):  # type: ignore[type-var]
    owner = OwnerFactory
    album = AlbumFactory


FACTORIES: Factories = {factory.__name__: factory for factory in (PhotoFactory, AlbumFactory, OwnerFactory)}


@pytest.fixture
async def db_with_tables() -> AsyncIterator[AsyncSession]:
    async with new_database() as url:
        database = Database(url)
        async with database.engine.begin() as connection:
            await connection.run_sync(Base.metadata.create_all)
        async with database.session() as session:
            yield session
        await database.dispose()


@pytest.fixture
def seeder(db_with_tables: AsyncSession) -> Seeder:
    return Seeder(db_with_tables, FACTORIES, Random(1))  # noqa: S311 (not for secrets)


async def test_rows_are_added_each_time(database: Database, login: Login) -> None:
    assert (await call("seed", "accounts.Group", "accounts.User", "--count", "3")).out.splitlines() == [
        "accounts.Group  3",
        "accounts.User   3",
        "Each of these users has the password: correct horse battery staple",
    ]
    again = await call("seed", "accounts.User", "--count", "2")
    assert again.out.startswith("accounts.User  2\n")

    async with database.session() as db:
        users = (await db.scalars(select(User))).all()
        assert len(users) == 5
        assert await db.scalar(select(func.count()).select_from(Group)) == 3
    assert await login(users[0])


async def test_what_is_taken_gets_another_value(db: AsyncSession) -> None:
    seeder = Seeder(db, {}, Random(1))  # noqa: S311

    class Factory(ModelFactory[Group]):
        name = invented(lambda fake: fake.random_element("abc"))

    names = {(await seeder.add(Factory)).name for _ in range(3)}
    assert names == {"a", "b", "c"}
    with pytest.raises(CommandError, match=r"Factory of .* finds no more values for name, which is unique\. Nothing"):
        await seeder.add(Factory)


async def test_a_row_refers_only_to_what_its_owner_has(seeder: Seeder, db_with_tables: AsyncSession) -> None:
    for _ in range(3):
        await seeder.add(OwnerFactory)
    photos = [await seeder.add(PhotoFactory) for _ in range(12)]

    for photo in photos:
        owners = [row.owner_id for row in (photo.album, photo.cover, photo.parent) if row]
        assert set(owners) == {photo.owner_id}
    assert any(photo.cover for photo in photos)
    assert len({photo.cover_id for photo in photos if photo.cover}) == len([True for photo in photos if photo.cover])
    assert len({photo.album_id for photo in photos}) == 12  # each needed one of its own, because of the UNIQUE
    assert (seeder.made[OwnerFactory], seeder.made[PhotoFactory]) == (3, 12)


async def test_what_a_row_needs_and_nobody_can_make_is_one_line(db_with_tables: AsyncSession) -> None:
    seeder = Seeder(db_with_tables, {}, Random(1))  # noqa: S311

    with pytest.raises(CommandError, match=r"^AlbumFactory of .* needs a row of core\.Owner, which has no factory\."):
        await seeder.add(AlbumFactory)


async def test_a_row_that_does_not_fit_is_one_line(seeder: Seeder) -> None:
    class Factory(ModelFactory[Owner]):  # type: ignore[type-var]
        name = invented(lambda fake: None)

    with pytest.raises(CommandError, match=r"^Factory of .* makes a row that does not fit: .*Nothing was changed"):
        await seeder.add(Factory)


async def test_a_bug_in_a_factory_is_no_message(seeder: Seeder) -> None:
    class Factory(ModelFactory[Owner]):  # type: ignore[type-var]
        name = invented(lambda fake: fake.nothing())

    with pytest.raises(AttributeError):
        await seeder.add(Factory)


def test_what_rows_refer_to_is_made_first() -> None:
    assert list(in_order(FACTORIES.values())) == [OwnerFactory, AlbumFactory, PhotoFactory]


def test_models_are_chosen_by_their_names() -> None:
    factories = find_factories()[1]

    assert chosen(factories, ["User", "accounts.Group", "accounts.User"]) == [UserFactory, GroupFactory]
    meant = chosen(factories, [])
    assert {UserFactory, GroupFactory} <= set(meant)
    assert factories["accounts.Session"] not in meant
    with pytest.raises(CommandError, match=r"^'Nowhere' is not one model with a factory\. There are.*accounts\.Group"):
        chosen(factories, ["Nowhere"])


def test_models_without_a_factory_are_named() -> None:
    factories = {"accounts.User": UserFactory}

    assert "accounts.Session" in without_factory(factories)
    assert "accounts.User" not in without_factory(factories)
    assert "core.AuditEntry" not in without_factory(factories)  # of no app


async def test_never_in_production(database: Database, set_variable: SetVariable) -> None:
    for name, value in {"ENVIRONMENT": "production", "PUBLIC_URL": "https://example.com"}.items():
        set_variable(name, value)

    outcome = await call("seed")

    assert (outcome.status, outcome.err.partition(":")[0]) == (1, "`seed` is never for production")


async def test_without_the_libraries_of_the_tests_it_is_one_line(
    database: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(seeding, "BASE_DIR", tmp_path)
    assert (await call("seed")).err == "`seed` needs the factories of the tests, and tests/factories.py is not here."

    monkeypatch.setattr(seeding, "find_spec", lambda name: None)
    assert (await call("seed")).err == "`seed` needs the libraries of the tests: `pip install -r requirements-dev.txt`."
