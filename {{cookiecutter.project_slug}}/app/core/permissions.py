"""What may be granted: for each model of every app the actions in its `__permissions__`, in Django's form.

`app/blog/models.py` with a class `Post` brings `blog.view_post`, `blog.add_post`, `blog.change_post` and
`blog.delete_post`.
"""

from collections.abc import Iterator
from functools import cache

from app.core.database import Base
from app.core.registry import load_models


def permission(action: str, model: type[Base]) -> str:
    return f"{app_of(model)}.{action}_{model.__name__.lower()}"


def app_of(model: type[Base]) -> str:
    return model.__module__.split(".")[1]


@cache
def declared_permissions() -> frozenset[str]:
    load_models()
    return frozenset(_declared())


def _declared() -> Iterator[str]:
    for mapper in Base.registry.mappers:
        for action in mapper.class_.__permissions__:
            yield permission(action, mapper.class_)
