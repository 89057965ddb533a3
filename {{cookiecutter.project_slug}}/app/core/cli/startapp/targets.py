"""Finds the models that the fields of a new app name."""

import re
from dataclasses import replace
from importlib import import_module
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Mapper

from app.core.cli.errors import CommandError
from app.core.cli.labels import labelled_models
from app.core.cli.startapp.fields import Field, Target
from app.core.cli.startapp.new_app import NewApp
from app.core.settings import BASE_DIR

KEYS = {UUID: "sa.Uuid()", int: "sa.Integer()"}
"""The types of keys, and how Alembic writes them."""


def resolve(app: NewApp) -> NewApp:
    """Tell each field its model and the one that it names. Raises CommandError."""
    return replace(app, fields=[replace(each, model=app.model, target=_target(app, each)) for each in app.fields])


def _target(app: NewApp, field: Field) -> Target | None:
    if field.type not in ("ref", "many"):
        return None
    owner, _, name = field.argument.partition(".")
    if (owner, name) == (app.name, app.model):
        return Target(owner, name, app.table, "UUID", KEYS[UUID], is_self=True, is_owned=app.is_owned)
    models = labelled_models()
    mapper = models.get(field.argument)
    if mapper is None:
        known = ", ".join(sorted(models))
        raise CommandError(f"{field.name!r}: there is no model {field.argument}. There are: {known}.")
    if getattr(import_module(f"app.{owner}"), name, None) is not mapper.class_:
        raise CommandError(
            f"{field.name!r}: app/{owner}/__init__.py does not export {name}. Import it there, and name it in __all__."
        )
    key = _key(mapper)
    if key not in KEYS:
        raise CommandError(f"{field.name!r}: {field.argument} needs a single key `id`, a UUID or an int.")
    return Target(
        owner,
        name,
        str(mapper.local_table),
        key.__name__,
        KEYS[key],
        is_owned="owner_id" in mapper.columns,
        factory=_factory(owner, name),
    )


def _key(mapper: Mapper[Any]) -> type | None:
    columns = mapper.primary_key
    return columns[0].type.python_type if len(columns) == 1 and columns[0].key == "id" else None


def _factory(app: str, model: str) -> str:
    file = BASE_DIR / "tests" / app / "factories.py"
    is_there = file.exists() and re.search(rf"^class {model}Factory\b", file.read_text(encoding="utf-8"), re.MULTILINE)
    return f"tests.{app}.factories" if is_there else ""
