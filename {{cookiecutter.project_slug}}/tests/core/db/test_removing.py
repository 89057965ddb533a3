import shutil
from pathlib import Path

import pytest
from sqlalchemy import inspect
from sqlalchemy.exc import DBAPIError

from app.core.db import Database, make_migration, migrate, migration_history, undo_history

MIGRATION = """
import sqlalchemy as sa
from alembic import op

revision = "{id}"
down_revision = {after}
branch_labels = {label}
depends_on = {depends_on}

def upgrade():
    {upgrade}

def downgrade():
    {downgrade}
"""
CREATE = 'op.create_table("{0}", sa.Column("id", sa.Integer(), primary_key=True))'
POINTING = (
    'op.create_table("own", sa.Column("id", sa.Integer(), primary_key=True), '
    'sa.Column("animal", sa.Integer(), sa.ForeignKey("animal.id")))'
)


@pytest.fixture
def zoo(versions: Path) -> Path:
    """The history of an app `zoo`, with one migration, that makes a table `animal`."""
    folder = versions.parent / "app" / "zoo" / "migrations"
    folder.mkdir(parents=True)
    values = {"after": None, "label": '"zoo"', "depends_on": None, "downgrade": 'op.drop_table("animal")'}
    text = MIGRATION.format(id="zoo_0001_initial", upgrade=CREATE.format("animal"), **values)
    (folder / "zoo_0001_initial.py").write_text(text)
    return folder


def write_own(versions: Path, upgrade: str, depends_on: str) -> Path:
    """Write the project's migration that comes after those of the app."""
    file = versions / "0001_own.py"
    values = {"after": None, "label": '"project"', "downgrade": 'op.drop_table("own")'}
    file.write_text(MIGRATION.format(id="0001_own", upgrade=upgrade, depends_on=depends_on, **values))
    return file


async def tables(database: Database) -> set[str]:
    async with database.engine.connect() as connection:
        names = await connection.run_sync(lambda sync: inspect(sync).get_table_names())
    return set(names) - {"alembic_version"}


@pytest.mark.parametrize("depends_on", ['"zoo_0001_initial"', '["zoo_0001_initial"]', "None"])
async def test_what_the_project_made_stays(depends_on: str, empty: Database, versions: Path, zoo: Path) -> None:
    own = write_own(versions, CREATE.format("own"), depends_on)
    await migrate(empty, report=lambda _: None)
    said: list[str] = []

    await undo_history(empty, "zoo", said.append)

    assert await tables(empty) == {"own"}
    assert said[-1] == "Unapplied zoo_0001_initial"
    assert "depends_on = None\n" in own.read_text()
    shutil.rmtree(zoo)
    assert await migration_history(empty) == {"0001_own": True}


async def test_a_history_that_was_never_applied_is_forgotten(empty: Database, versions: Path, zoo: Path) -> None:
    own = write_own(versions, CREATE.format("own"), '"zoo_0001_initial"')

    await undo_history(empty, "zoo", lambda _: None)

    assert await tables(empty) == set()
    assert "depends_on = None\n" in own.read_text()


async def test_other_dependencies_stay(empty: Database, versions: Path, zoo: Path) -> None:
    await make_migration(empty, "first", report=lambda _: None)
    own = versions / "0002_own.py"
    values = {"after": '"0001_first"', "label": None, "downgrade": "pass", "upgrade": "pass"}
    own.write_text(MIGRATION.format(id="0002_own", depends_on='["zoo_0001_initial", "0001_first"]', **values))

    await undo_history(empty, "zoo", lambda _: None)

    assert 'depends_on = ["0001_first"]\n' in own.read_text()


async def test_where_the_database_refuses_the_files_stay(empty: Database, versions: Path, zoo: Path) -> None:
    own = write_own(versions, POINTING, '"zoo_0001_initial"')
    before = own.read_bytes()
    await migrate(empty, report=lambda _: None)
    (zoo / "zoo_0001_initial.py").write_text(
        (zoo / "zoo_0001_initial.py").read_text().replace('op.drop_table("animal")', 'op.drop_table("nowhere")')
    )

    with pytest.raises(DBAPIError):
        await undo_history(empty, "zoo", lambda _: None)

    assert own.read_bytes() == before
    assert await tables(empty) == {"animal", "own"}
