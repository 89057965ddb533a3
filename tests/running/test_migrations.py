"""Migrations of models as people write them, and several processes that migrate at once."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit.apps import add_aviary, add_zoo
from tests.kit.servers import PostgreSQL, clean_environment
from tests.kit.services import Service

CONCURRENTLY = """
import time

from alembic import op

revision = "9000_concurrently"
down_revision = None
branch_labels = "project"
depends_on = "core_audit_0001_initial"

def upgrade():
    with op.get_context().autocommit_block():
        op.create_index("ix_slow", "core_audit_entry", ["place"], postgresql_concurrently=True)
    time.sleep(0.3)  # the index is there, and the migration is not yet noted: nobody else may come in

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


ANOTHER_COLUMN = """
    size: Mapped[Literal["small", "large"] | None]
    kind: Mapped[Kind] = mapped_column(default=Kind.wild)
    danger: Mapped[Danger] = mapped_column(Enum(Danger), default=Danger.bites)
"""
ANOTHER_ENUM = """class Kind(enum.Enum):
    wild = "wild"
    tame = "tame"


class Animal"""
IN_STEP = "No changes detected.\n"
STORED = "one = await db.scalar(select(Animal)); print(repr(one.name), one.diet, one.size, one.notes)"


@pytest.fixture
def zoo(copy: Service, urls: Iterator[str]) -> Service:
    """A project with the models of tests/kit/zoo and one row."""
    add_zoo(copy)
    zoo = copy.with_env(DATABASE_URL=next(urls))
    zoo.manage("makemigrations", "--name", "zoo")
    zoo.manage("migrate")
    zoo.manage("shell", "-c", "db.add(Animal(name=' Leo ', size='large', notes={'a': 1})); await db.commit()")
    return zoo


def edit_models(service: Service, *changes: tuple[str, str]) -> None:
    models = service.project / "app" / "zoo" / "models.py"
    text = models.read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    models.write_text(text, encoding="utf-8")


def dropping(service: Service) -> str:
    """Make a migration that drops something. Return what is said about it."""
    done = service.run("manage.py", "makemigrations", "--name", "fewer")
    assert done.returncode == 0, done.stderr
    return done.stderr


def migration_of(service: Service, name: str) -> str:
    (migration,) = (service.project / "app" / "migrations" / "versions").glob(f"*_{name}.py")
    return migration.read_text(encoding="utf-8")


def test_models_as_people_write_them_go_there_and_back(zoo: Service) -> None:
    assert zoo.manage("makemigrations", "--check") == IN_STEP
    assert zoo.manage("shell", "-c", STORED) == "'Leo' Diet.grass large {'a': 1}\n"
    text = migration_of(zoo, "zoo")
    assert "sa.String(length=100)" in text
    assert "import app.zoo.models" in text, "a type that differs between databases is imported"

    zoo.manage("migrate", "project@zero")
    zoo.manage("migrate")

    assert zoo.manage("makemigrations", "--check") == IN_STEP


def test_an_enum_grows_and_another_one_is_added_to_a_table_with_rows(zoo: Service, urls: Iterator[str]) -> None:
    zoo.manage("shell", "-c", "db.add(Animal(name='Pongo')); await db.commit()")
    edit_models(
        zoo,
        ('    grass = "grass"\n', '    grass = "grass"\n    fish = "fish"\n'),
        ("class Animal", ANOTHER_ENUM),
        ('    size: Mapped[Literal["small", "large"] | None]\n', ANOTHER_COLUMN.lstrip("\n")),
    )
    zoo.manage("makemigrations", "--name", "more")
    zoo.manage("migrate")
    assert zoo.manage("makemigrations", "--check") == IN_STEP
    kinds = "print([(one.kind.name, one.danger.name) for one in await db.scalars(select(Animal))])"
    assert zoo.manage("shell", "-c", kinds) == "[('wild', 'bites'), ('wild', 'bites')]\n"

    zoo.manage("migrate", "0001_zoo")
    zoo.manage("migrate")
    zoo.manage("shell", "-c", "db.add(Animal(name='Pingu', diet='fish')); await db.commit()")
    forbidden = "await db.execute(text(\"UPDATE zoo_animal SET diet = 'stone'\"))"
    assert "CHECK" in zoo.run("manage.py", "shell", "-c", f"from sqlalchemy import text; {forbidden}").stderr.upper()


def test_a_way_back_that_is_written_on_one_database_works_on_the_other(
    copy: Service, cluster: PostgreSQL, tmp_path: Path
) -> None:
    """PostgreSQL shows CHECKs and defaults in its own words."""
    add_zoo(copy)
    edit_models(copy, ('    grass = "grass"\n', '    grass = "grass"\n    fish = "fish"\n'))
    services = [
        copy.with_env(DATABASE_URL=url)
        for url in (cluster.create_database(tmp_path.name), f"sqlite:///{tmp_path}/other.sqlite3")
    ]
    services[0].manage("makemigrations", "--name", "zoo")
    edit_models(
        copy,
        ('    fish = "fish"\n', ""),
        ("    second_diet: Mapped[Diet | None]\n", ""),
    )
    assert "drops the column zoo_animal.second_diet" in dropping(services[0])

    for service in services:
        service.manage("migrate")
        service.manage("migrate", "0001_zoo")
        service.manage("migrate")
        assert service.manage("makemigrations", "--check") == IN_STEP


TEXT = '    text: Mapped[str] = mapped_column(Text, default="")\n'
BY_HAND = """    body: Mapped[str] = mapped_column(Text, default="")
    slug: Mapped[str] = mapped_column(String(80), unique=True)
"""


def test_changes_that_need_a_hand_are_named_and_the_docs_have_the_operations(
    copy: Service, urls: Iterator[str]
) -> None:
    blog = copy.with_env(DATABASE_URL=next(urls))
    blog.manage("startapp", "blog", "--model", "Post")
    blog.manage("migrate")
    blog.manage("shell", "-c", "db.add_all(Post(title=each, text=each) for each in 'ab'); await db.commit()")
    models = blog.project / "app" / "blog" / "models.py"
    text = models.read_text(encoding="utf-8")
    assert TEXT in text
    models.write_text(text.replace(TEXT, BY_HAND).replace("String(200)", "String(100)"), encoding="utf-8")

    done = blog.run("manage.py", "makemigrations", "--name", "by_hand")

    parts = "changes blog_post.title", "drops the column blog_post.text", "blog_post.slug is unique"
    for line, part in zip(done.stderr.splitlines(), parts, strict=True):
        assert part in line
        assert line.endswith("see docs/migrations.md.")
    docs = (blog.project / "docs" / "migrations.md").read_text(encoding="utf-8")
    rename, unique = re.findall(r"^def upgrade\(\) -> None:\n(    with .*?)^```", docs, re.DOTALL | re.MULTILINE)
    (migration,) = (blog.project / "app" / "migrations" / "versions").glob("0002_by_hand.py")
    head = migration.read_text(encoding="utf-8").partition("def upgrade")[0]
    migration.write_text(f"{head}def upgrade() -> None:\n{rename}{unique}", encoding="utf-8")
    blog.manage("migrate")
    models.write_text(text.replace(TEXT, BY_HAND), encoding="utf-8")
    assert blog.manage("makemigrations", "--check") == IN_STEP
    page = blog.project / "app" / "blog" / "admin.py"
    page.write_text(page.read_text(encoding="utf-8").replace('"text"', '"body"'), encoding="utf-8")
    rows = "print(sorted((one.body, one.slug.startswith('post-')) for one in await db.scalars(select(Post))))"
    assert blog.manage("shell", "-c", rows) == "[('a', True), ('b', True)]\n"


def test_tables_that_refer_to_each_other_are_dropped(zoo: Service) -> None:
    models = zoo.project / "app" / "zoo" / "models.py"
    text = models.read_text(encoding="utf-8")
    start, end = text.index("class Team("), text.index("class Review(")
    models.write_text(text[:start] + text[end:], encoding="utf-8")

    assert "drops the table zoo_team" in dropping(zoo)
    zoo.manage("migrate")
    zoo.manage("migrate", "0001_zoo")
    zoo.manage("migrate")

    assert zoo.manage("makemigrations", "--check") == IN_STEP


def test_models_for_postgresql_go_there_and_back(copy: Service, cluster: PostgreSQL, tmp_path: Path) -> None:
    """Arrays, JSONB, addresses, and a table in a schema. Migrations must not touch a schema that no model uses."""
    add_aviary(copy)
    aviary = copy.with_env(DATABASE_URL=cluster.create_database(tmp_path.name))
    cluster.query("CREATE SCHEMA theirs; CREATE TABLE theirs.own (id int)", tmp_path.name)

    aviary.manage("makemigrations", "--name", "aviary")
    aviary.manage("migrate")

    assert aviary.manage("makemigrations", "--check") == IN_STEP
    assert cluster.query("SELECT count(*) FROM estate.nest", tmp_path.name).strip() == "0"
    aviary.manage("migrate", "project@zero")
    aviary.manage("migrate")
