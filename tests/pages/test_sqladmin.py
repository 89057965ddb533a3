"""A sqladmin that has renamed an overridden method: the application must refuse to start with a message."""

import re
import shutil
from pathlib import Path

from tests.kit.services import Service

# Prints a line for each name that the admin site overrides: the name, and the error of the application if sqladmin has
# renamed it. The changed copies of sqladmin are real packages. Only they are imported again each time.
PROBE = r"""
import importlib, re, shutil, sys
from pathlib import Path

import sqladmin
from app.admin.application import Site
from app.accounts.admin import UserAdmin
from app.admin.editing.fields import FieldConverter
from app.core.registry import StartError
from app.main import create_app
from app.settings import get_settings

original, copies = Path(sqladmin.__file__).parent, Path(sys.argv[1])

def marked():
    for ours in (Site, UserAdmin, FieldConverter):
        for cls in ours.__mro__:
            for name, value in vars(cls).items():
                if getattr(getattr(value, "__func__", value), "__override__", False) and is_sqladmins(ours, name):
                    yield name

def is_sqladmins(ours, name):
    return any(name in vars(cls) for cls in ours.__mro__ if cls.__module__.startswith("sqladmin"))

def forget():
    for name in list(sys.modules):
        if name.startswith(("sqladmin", "app.admin", "app.accounts.admin")):
            del sys.modules[name]

for name in sorted(set(marked())):
    copy = copies / name
    shutil.copytree(original, copy / "sqladmin", ignore=shutil.ignore_patterns("__pycache__"))
    pattern = re.compile(rf"(def |self\.|super\(\)\.|view\.|backend\.){name}\b")
    for file in copy.rglob("*.py"):
        text = file.read_text(encoding="utf-8")
        file.write_text(pattern.sub(rf"\g<1>{name}_renamed", text), encoding="utf-8")
    forget()
    sys.path.insert(0, str(copy))
    try:
        create_app(get_settings())
        said = "nothing"
    except StartError as error:
        said = str(error)
    assert Path(sys.modules["sqladmin"].__file__).is_relative_to(copy)
    sys.path.remove(str(copy))
    print(f"{name}: {said}")
"""


def test_a_renamed_name_stops_the_start(plain: Service, tmp_path: Path) -> None:
    done = plain.run("-c", PROBE, str(tmp_path))

    assert done.returncode == 0, done.stderr[-2000:]
    names = [line.partition(":")[0] for line in done.stdout.splitlines()]
    assert {"_build_column_list", "_handle_action_decorated_func", "_stmt_by_identifier", "delete_model"} <= set(names)
    for name, line in zip(names, done.stdout.splitlines(), strict=True):
        assert re.search(rf"overrides {name}, but the installed sqladmin does not have it", line), line


def test_the_refusal_is_one_line(plain: Service, tmp_path: Path) -> None:
    found = plain.run("-c", "import sqladmin; print(sqladmin.__path__[0])").stdout.strip()
    copy = Path(shutil.copytree(found, tmp_path / "sqladmin"))
    application = copy / "application.py"
    routes = application.read_text(encoding="utf-8")
    application.write_text(routes.replace('name="file_download"', 'name="download"'), encoding="utf-8")

    done = plain.run("-m", "uvicorn", "app.main:app", PYTHONPATH=str(tmp_path))

    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "(download, file_download)" in line
