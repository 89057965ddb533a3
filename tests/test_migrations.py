"""Migrations of models as people write them, and several processes that migrate at once."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.servers import PostgreSQL, clean_environment
from tests.services import Service

CONCURRENTLY = """
from alembic import op

revision = "9000_concurrently"
down_revision = None
branch_labels = "project"
depends_on = "core_audit_0001_initial"

def upgrade():
    with op.get_context().autocommit_block():
        op.create_index("ix_slow", "core_audit_entry", ["place"], postgresql_concurrently=True)

def downgrade():
    op.drop_index("ix_slow", "core_audit_entry")
"""


@pytest.fixture
def indexed(copy: Service) -> Service:
    """A project with a migration that PostgreSQL runs outside a transaction."""
    versions = copy.project / "app" / "migrations" / "versions"
    (versions / "9000_concurrently.py").write_text(CONCURRENTLY, encoding="utf-8")
    return copy


@pytest.fixture(params=["sqlite", "postgresql"])
def urls(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Addresses of new databases."""
    if request.param == "sqlite":
        return (f"sqlite:///{tmp_path}/{number}.sqlite3" for number in range(100))
    cluster: PostgreSQL = request.getfixturevalue("cluster")
    return (cluster.create_database(f"{tmp_path.name}_{number}") for number in range(100))


def test_processes_that_migrate_at_once_take_turns(indexed: Service, urls: Iterator[str]) -> None:
    for _ in range(2):
        service = indexed.with_env(DATABASE_URL=next(urls))

        outputs = _together(service, 3, "migrate")

        steps = [line for output in outputs for line in output.splitlines() if line.startswith("Applied")]
        assert len(steps) == len(set(steps)) > 1, outputs
        assert "Applied 9000_concurrently" in steps
        assert "[ ]" not in service.manage("showmigrations")
        assert "Unapplied 9000_concurrently" in service.manage("migrate", "zero")


def _together(service: Service, count: int, *command: str) -> list[str]:
    """Return the output of each process. All must succeed."""
    started = [
        subprocess.Popen(
            [service.python, "manage.py", *command],
            cwd=service.project,
            env=clean_environment(**service.env),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
        )
        for _ in range(count)
    ]
    outputs = [process.communicate(timeout=60)[0] for process in started]
    assert [process.returncode for process in started] == [0] * count, outputs
    return outputs


ANOTHER_COLUMN = """    kind: Mapped[Kind] = mapped_column(default=Kind.wild)
"""
ANOTHER_ENUM = """class Kind(enum.Enum):
    wild = "wild"
    tame = "tame"


class Animal"""
ANOTHER_TABLE = """

class Cage(Base):
    __tablename__ = "cage"
    __table_args__ = {"schema": "estate"}

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
"""
ZOO = ROOT / "tests" / "zoo"
IN_STEP = "No changes detected.\n"


@pytest.fixture
def zoo(copy: Service, urls: Iterator[str]) -> Service:
    """A project with the models of tests/zoo and one row."""
    shutil.copytree(ZOO, copy.project / "app" / "zoo")
    zoo = copy.with_env(DATABASE_URL=next(urls))
    zoo.manage("makemigrations", "--name", "zoo")
    zoo.manage("migrate")
    zoo.manage("shell", "-c", "db.add(Animal(name=' Leo ', size='large', notes={'a': 1})); await db.commit()")
    return zoo


def test_enums_and_types_of_ones_own_go_there_and_back(zoo: Service) -> None:
    assert zoo.manage("makemigrations", "--check") == IN_STEP
    stored = (
        "animal = await db.scalar(select(Animal)); print(repr(animal.name), animal.diet, animal.size, animal.notes)"
    )
    assert zoo.manage("shell", "-c", stored) == "'Leo' Diet.grass large {'a': 1}\n"
    (migration,) = (zoo.project / "app" / "migrations" / "versions").glob("*_zoo.py")
    text = migration.read_text(encoding="utf-8")
    assert "sa.String(length=100)" in text
    assert "import app.zoo.models" in text, "a type that differs between databases is imported"

    zoo.manage("migrate", "zero")
    zoo.manage("migrate")

    assert zoo.manage("makemigrations", "--check") == IN_STEP


def test_an_enum_grows_and_another_one_is_added_to_a_table_with_rows(zoo: Service) -> None:
    models = zoo.project / "app" / "zoo" / "models.py"
    text = models.read_text(encoding="utf-8").replace(
        '    grass = "grass"\n', '    grass = "grass"\n    fish = "fish"\n'
    )
    models.write_text(text, encoding="utf-8")
    assert zoo.manage("makemigrations", "--check") == IN_STEP
    zoo.manage("shell", "-c", "db.add(Animal(name='Pingu', diet='fish')); await db.commit()")

    text = re.sub(r"class Animal\b", ANOTHER_ENUM, text, count=1) + ANOTHER_COLUMN
    models.write_text(text, encoding="utf-8")
    zoo.manage("makemigrations", "--name", "kind")
    zoo.manage("migrate")

    kinds = "print(sorted([animal.kind.name for animal in await db.scalars(select(Animal))]))"
    assert zoo.manage("shell", "-c", kinds) == "['wild', 'wild']\n"
    assert zoo.manage("makemigrations", "--check") == IN_STEP


def test_a_table_in_a_schema_is_made_once(copy: Service, cluster: PostgreSQL, tmp_path: Path) -> None:
    """Only PostgreSQL has schemas. Migrations must not touch a schema that no model uses."""
    shutil.copytree(ZOO, copy.project / "app" / "zoo")
    models = copy.project / "app" / "zoo" / "models.py"
    models.write_text(models.read_text(encoding="utf-8") + ANOTHER_TABLE, encoding="utf-8")
    zoo = copy.with_env(DATABASE_URL=cluster.create_database(tmp_path.name))
    cluster.query("CREATE SCHEMA theirs; CREATE TABLE theirs.own (id int)", tmp_path.name)

    zoo.manage("makemigrations", "--name", "zoo")
    zoo.manage("migrate")

    assert zoo.manage("makemigrations", "--check") == IN_STEP
    assert cluster.query("SELECT count(*) FROM estate.cage", tmp_path.name).strip() == "0"
    zoo.manage("migrate", "zero")
    zoo.manage("migrate")
