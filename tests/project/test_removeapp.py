"""Apps are removed from a project that has data, and an update of the template brings a new migration."""

import shutil
from pathlib import Path

import pytest

from tests.kit.apps import ZOO
from tests.kit.servers import PostgreSQL
from tests.kit.services import LINTERS, Service, prepare

IN_STEP = "No changes detected.\n"


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.weekly)])
def filled(request: pytest.FixtureRequest, copy: Service, tmp_path: Path) -> Service:
    """A project with an app of its own, users and entries of the audit log."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path}/filled.sqlite3"
    else:
        cluster: PostgreSQL = request.getfixturevalue("cluster")
        url = cluster.create_database(tmp_path.name)
    filled = copy.with_env(DATABASE_URL=url)
    filled.manage("startapp", "blog", "--model", "Post")
    prepare(filled)
    filled.manage("shell", "-c", "db.add(Post(title='Hello', text='World')); await db.commit()")
    return filled


def tables(service: Service) -> set[str]:
    names = "await (await db.connection()).run_sync(lambda sync: inspect(sync).get_table_names())"
    return set(service.manage("shell", "-c", f"from sqlalchemy import inspect; print(*{names})").split())


def test_apps_go_with_their_tables_and_the_rest_stays(filled: Service) -> None:
    before = tables(filled)
    assert "blog_post" in before

    for name in ("blog", "hello", "admin"):
        said = filled.run("manage.py", "removeapp", name, "--yes")
        assert said.returncode == 0, said.stderr
        assert said.stdout.endswith(f"Removed {name}.\n")
        assert not (filled.project / "app" / name).exists()
        assert not (filled.project / "tests" / name).exists()

    assert tables(filled) == before - {"blog_post"}
    assert not list(filled.project.glob("app/*/admin.py"))
    assert filled.manage("makemigrations", "--check") == IN_STEP
    users = "print(await db.scalar(select(User.username)))"
    assert filled.manage("shell", "-c", users) == "ada\n"
    assert "/admin" not in filled.manage("routes")


@pytest.mark.weekly
@pytest.mark.parametrize("names", [["hello"], ["admin"], ["hello", "admin"]], ids="+".join)
def test_what_stays_passes_all_checks_and_tests(copy: Service, tmp_path: Path, names: list[str]) -> None:
    service = copy.with_env(DATABASE_URL=f"sqlite:///{tmp_path}/db.sqlite3")
    service.manage("migrate")
    for name in names:
        service.run("manage.py", "removeapp", name, "--yes").check_returncode()
    for command in (*LINTERS, ("-m", "pytest", "-q", "--numprocesses=auto")):
        done = service.run(*command)
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_app_that_others_stand_on_stays(plain: Service) -> None:
    said = plain.problem("removeapp", "accounts", "--yes")
    assert said == "'accounts' cannot be removed: the rest of the project needs it."
    assert (plain.project / "app" / "accounts").exists()


@pytest.fixture
def with_zoo(filled: Service) -> Service:
    """A project with an app that brings a history of its own, as one of the template does."""
    shutil.copytree(ZOO, filled.project / "app" / "zoo")
    filled.manage("makemigrations", "--app", "zoo", "--name", "initial")
    filled.manage("migrate")
    filled.manage("shell", "-c", "db.add(Animal(name='Leo')); await db.commit()")
    return filled


def test_an_app_with_a_history_of_its_own_goes_without_what_was_made_after_it(with_zoo: Service) -> None:
    models = with_zoo.project / "app" / "blog" / "models.py"
    text = models.read_text(encoding="utf-8")
    models.write_text(
        text.replace("    created_at", "    place: Mapped[str | None] = mapped_column(String(9))\n    created_at")
    )
    with_zoo.manage("makemigrations", "--name", "place")
    with_zoo.manage("migrate")
    (place,) = with_zoo.project.glob("app/migrations/versions/*_place.py")
    assert "zoo_0001_initial" in place.read_text(encoding="utf-8")

    said = with_zoo.run("manage.py", "removeapp", "zoo", "--yes")

    assert said.returncode == 0, said.stderr
    assert "Unapplied" not in said.stdout.replace("Unapplied zoo_0001_initial", "")
    assert "zoo_animal" not in tables(with_zoo)
    assert "zoo_0001_initial" not in place.read_text(encoding="utf-8")
    assert with_zoo.manage("shell", "-c", "print(await db.scalar(select(Post.title)))") == "Hello\n"
    assert with_zoo.manage("makemigrations", "--check") == IN_STEP
    assert "[ ]" not in with_zoo.manage("showmigrations")


@pytest.mark.parametrize("filled", ["sqlite"], indirect=True)
def test_an_update_that_brings_a_migration_gives_no_second_end(with_zoo: Service) -> None:
    """The owner has five of their own, one of which changes a table of the app, and a column in `User`."""
    user = with_zoo.project / "app" / "accounts" / "models.py"
    text = user.read_text(encoding="utf-8")
    user.write_text(
        text.replace(
            "    disabled: Mapped",
            "    nickname: Mapped[str] = mapped_column(String(40), default='')\n    disabled: Mapped",
        )
    )
    with_zoo.manage("makemigrations", "--name", "nickname")
    for number in range(3):
        with_zoo.manage("makemigrations", "--empty", "--name", f"own_{number}")
    with_zoo.manage("migrate")
    animals = with_zoo.project / "app" / "zoo" / "models.py"
    animals.write_text(animals.read_text(encoding="utf-8") + "    legs: Mapped[int] = mapped_column(default=4)\n")

    with_zoo.manage("makemigrations", "--app", "zoo", "--name", "legs")
    assert with_zoo.manage("migrate") == "Applied zoo_0002_legs\n"

    assert with_zoo.manage("makemigrations", "--check") == IN_STEP
    written = with_zoo.manage("makemigrations", "--empty", "--name", "own_3")
    assert "0006_own_3" in written
    (own,) = (with_zoo.project / "app" / "migrations" / "versions").glob("0006_*.py")
    assert "from alembic import op" in own.read_text(encoding="utf-8"), "somebody wants to move data with it"
    assert with_zoo.manage("migrate") == "Applied 0006_own_3\n"
    assert with_zoo.manage("shell", "-c", "print(repr(await db.scalar(select(User.nickname))))") == "''\n"
    assert with_zoo.manage("migrate", "zero").count("Unapplied") == with_zoo.manage("migrate").count("Applied")
