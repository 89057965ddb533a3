"""The base of factories, which make rows for tests and for `manage.py seed`.

class PostFactory(ModelFactory[Post]):
    title = invented(lambda fake: fake.sentence())
    slug = numbered(lambda n: f"slug-{n}")
    author = UserFactory

db.add_all([PostFactory.build(), PostFactory.build(title="An end")])

docs/testing.md says more. Each app has its factories in `tests/<app>/factories.py`.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count
from typing import Any, ClassVar, Generic, TypeVar

from faker import Faker
from polyfactory import Use
from polyfactory.factories.sqlalchemy_factory import SQLAlchemyFactory
from polyfactory.field_meta import FieldMeta
from sqlalchemy import Column, inspect
from sqlalchemy.orm import Mapper

from app.core.db import Base

Model = TypeVar("Model", bound=Base)


class ModelFactory(SQLAlchemyFactory[Model], Generic[Model]):
    """Gives a value to each attribute that the factory names, and to each column that needs one. All others have their
    defaults.
    """

    __is_base_factory__ = True
    __is_seeded__: ClassVar[bool] = True
    """False if `manage.py seed` makes such rows only when somebody names the model."""
    __seed_note__: ClassVar[str] = ""
    """What `manage.py seed` says about the rows that it has made."""

    @classmethod
    def get_model_fields(cls) -> list[FieldMeta]:
        mapper: Mapper[Any] = inspect(cls.__model__)
        needed = {name for name, column in mapper.columns.items() if _is_needed(column)}
        return [field for field in super().get_model_fields() if field.name in needed or hasattr(cls, field.name)]

    @classmethod
    def get_provider_map(cls) -> dict[Any, Callable[[], Any]]:
        """A time has a time zone: the columns take no other."""
        return {**super().get_provider_map(), datetime: lambda: cls.__faker__.date_time(tzinfo=UTC)}


def _is_needed(column: Column[Any]) -> bool:
    """A model fills its folded columns by itself. For a foreign key, a factory names the relationship."""
    is_filled = column.nullable or column.default or column.server_default or column.foreign_keys
    return not (is_filled or column.name.endswith("_folded"))


def invented(make: Callable[[Faker], Any]) -> Any:
    """Make a value that looks real: https://faker.readthedocs.io/en/stable/providers.html."""
    return Use(lambda: make(ModelFactory.__faker__))


def numbered(make: Callable[[int], Any]) -> Any:
    """Make a value with another number for each row, for columns that are unique."""
    numbers = count(1)
    return Use(lambda: make(next(numbers)))
