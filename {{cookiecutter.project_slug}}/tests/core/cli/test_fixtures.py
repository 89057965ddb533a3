import enum
import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Column, Enum, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from app.accounts import User
from app.accounts.models import Group, Permission
from app.core.cli import fixtures
from app.core.db import Database
from tests.commands import Outcome, call

ID = "6f7c4e1c-3d0a-4c1b-9c39-6a3c1f0e2b5d"
EDITORS = {"model": "accounts.Group", "fields": {"id": ID, "name": "Editors"}}
ADA = {
    "model": "accounts.User",
    "fields": {
        "username": "Ada",
        "email": "ada@example.com",
        "hashed_password": "!",
        "last_login": "2026-01-31T12:00:00+01:00",
        "groups": [{"name": "Editors"}],
    },
}


async def load(folder: Path, *entries: Any) -> Outcome:
    """An entry may be a text, too: a line that is no JSON."""
    file = folder / "fixture.jsonl"
    lines = [entry if isinstance(entry, str) else json.dumps(entry, ensure_ascii=False) for entry in entries]
    file.write_text("\n".join(lines), encoding="utf-8")
    return await call("loaddata", str(file))


def with_fields(entry: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {**entry, "fields": entry["fields"] | fields}


async def test_rows_are_added_and_refer_to_each_other(db: AsyncSession, tmp_path: Path) -> None:
    assert await load(tmp_path, EDITORS, "", ADA) == (0, "", "Loaded 2 rows.\n")

    ada = await db.scalar(select(User).options(selectinload(User.groups)))
    assert ada is not None
    assert (ada.username_folded, [group.name for group in ada.groups]) == ("ada", ["Editors"])
    assert str(ada.last_login) == "2026-01-31 11:00:00+00:00"


async def test_with_its_key_a_row_changes(db: AsyncSession, tmp_path: Path) -> None:
    permission = (await db.scalars(select(Permission.name))).first()
    changed = with_fields(EDITORS, name="Éditeurs", permissions=[{"name": permission}])

    for entry in (EDITORS, changed, changed):
        assert (await load(tmp_path, entry)).status == 0

    groups = (await db.scalars(select(Group).options(selectinload(Group.permissions)))).all()
    assert [(group.name, [each.name for each in group.permissions]) for group in groups] == [("Éditeurs", [permission])]


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("{", "This is not JSON (Expecting property name"),
        ("[" * 100_000, "This is not JSON ("),
        ({"model": "accounts.User"}, 'Write {"model": "blog.Post", '),
        ({"model": "zoo.Animal", "fields": {}}, "There is no model 'zoo.Animal'. There are: "),
        ({"model": "core.AuditEntry", "fields": {}}, "There is no model 'core.AuditEntry'."),
        (with_fields(ADA, nick="A"), "accounts.User has no field 'nick'."),
        (with_fields(ADA, username=7), "'username': Input should be a valid string."),
        (with_fields(ADA, username="a" * 151), "'username': String should have at most 150 characters."),
        (with_fields(ADA, username="\0"), "'username': Value error, must not have NUL characters"),
        (with_fields(ADA, last_login="2026-01-31T12:00:00"), "'last_login': Input should have timezone info."),
        (with_fields(ADA, disabled=None), "'disabled': Input should be a valid boolean."),
        (with_fields(EDITORS, id="1"), "'id': Input should be a valid UUID"),
        (
            with_fields(ADA, groups={"name": "Editors"}),
            "'groups' refers to accounts.Group. Write values that identify it, such as [",
        ),
        (with_fields(ADA, groups=[ID]), f"'groups': \"{ID}\" does not name fields of accounts.Group."),
        (with_fields(ADA, groups=[{"nick": 1}]), "'groups': {\"nick\": 1} does not name fields of accounts.Group."),
        (with_fields(ADA, groups=[{"name": "x"}]), '\'groups\': of accounts.Group, no row has {"name": "x"}.'),
        ({"model": "accounts.Group", "fields": {"name": "Editors"}}, "There is already a row with this name."),
        ({"model": "accounts.Group", "fields": {}}, "A value is missing or does not fit: "),
    ],
)
async def test_a_fault_is_one_line_and_nothing_is_loaded(
    db: AsyncSession, tmp_path: Path, entry: Any, said: str
) -> None:
    outcome = await load(tmp_path, EDITORS, entry)

    assert (outcome.status, outcome.err.startswith(f"Line 2: {said}"), outcome.err.count("\n")) == (1, True, 0), outcome
    assert outcome.err.endswith(". Nothing was changed.")
    assert not (await db.scalars(select(Group))).all()


async def test_a_fixture_has_a_name(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fixtures, "BASE_DIR", tmp_path)
    assert (await call("loaddata", "groups")).err == "There is no file groups, and no fixture groups."

    for app in ("blog", "shop"):
        (tmp_path / "app" / app / "fixtures").mkdir(parents=True)
        (tmp_path / "app" / app / "fixtures" / "groups.jsonl").write_text(json.dumps(EDITORS), encoding="utf-8")
    assert (await call("loaddata", "groups")).err == (
        "Several fixtures are called groups: app/blog/fixtures/groups.jsonl, app/shop/fixtures/groups.jsonl. "
        "Give the path of one."
    )

    (tmp_path / "app" / "shop" / "fixtures" / "groups.jsonl").unlink()
    assert (await call("loaddata", "groups")).err == "Loaded 1 rows.\n"
    assert (await call("loaddata", "-", stdin=json.dumps(EDITORS))).err == "Loaded 1 rows.\n"


class Tone(enum.StrEnum):
    KIND = "k"


TONE: Column[Any] = Column(Enum(Tone))


@pytest.mark.parametrize("value", ["KIND", "k"])
def test_an_enum_takes_the_names_of_its_members_and_their_values(value: str) -> None:
    assert fixtures.converted("tone", TONE, value) is Tone.KIND


@pytest.mark.parametrize("value", ["RUDE", ["KIND"], {"KIND": 1}])
def test_anything_else_is_a_fault_of_an_enum(value: Any) -> None:
    with pytest.raises(fixtures.Fault, match="'tone': Input should be 'k'"):
        fixtures.converted("tone", TONE, value)


async def test_another_encoding_is_one_line(database: Database, tmp_path: Path) -> None:
    file = tmp_path / "fixture.jsonl"
    file.write_bytes(b"\xff")

    assert (await call("loaddata", str(file))).err == f"{file} is not a text in UTF-8. Nothing was changed."
