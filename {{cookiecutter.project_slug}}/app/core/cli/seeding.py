"""Makes invented rows with the factories of the tests, for `manage.py seed`.

The tests are not a part of the application, and need libraries that a server does not have. So nothing here imports
them at the top.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from importlib import import_module
from importlib.util import find_spec
from random import Random
from typing import Any
from uuid import UUID

from sqlalchemy import Select, inspect, select
from sqlalchemy.exc import DBAPIError, StatementError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapper, RelationshipDirection, RelationshipProperty

from app.core.cli.errors import CommandError
from app.core.cli.labels import label_of, labelled_models
from app.core.db import cause_of, is_unfit, taken_columns
from app.core.registry import load_models
from app.core.settings import BASE_DIR

KNOWN = 1000  # rows of a table that new rows may refer to
MANY = 3  # rows at most that a new row has in a list
FILLED = 0.75  # of the references that may be empty
PATIENCE = 1000  # attempts to find values that are not taken, besides one for each row
OWNER = "owner"  # what belongs to a user refers only to what belongs to the same one, see `startapp --owned`

Row = Any
Values = dict[str, Any]
Relation = RelationshipProperty[Any]
Factory = type[Any]
"""A subclass of `tests.factories.ModelFactory`."""
Factories = Mapping[str, Factory]
"""By the labels of their models, such as `accounts.User`."""


def find_factories() -> tuple[Factory, Factories]:
    """Return the base of the factories, and the factory of each model. Raises CommandError."""
    if find_spec("polyfactory") is None:
        raise CommandError("`seed` needs the libraries of the tests: `pip install -r requirements-dev.txt`.")
    if not (BASE_DIR / "tests" / "factories.py").exists():
        raise CommandError("`seed` needs the factories of the tests, and tests/factories.py is not here.")
    load_models()
    base: Any = import_module("tests.factories").ModelFactory
    found: dict[str, Factory] = {}
    for path in sorted(BASE_DIR.glob("tests/*/factories.py")):
        module = import_module(f"tests.{path.parent.name}.factories")
        for value in vars(module).values():
            if _is_factory(value, base) and value.__module__ == module.__name__:
                label = label_of(value.__model__)
                if label not in found or label.startswith(f"{path.parent.name}."):  # an app's own factory is the best
                    found[label] = value
    return base, found


def _is_factory(value: Any, base: Any) -> bool:
    return isinstance(value, type) and issubclass(value, base) and value is not base


def without_factory(factories: Factories) -> list[str]:
    """Return the labels of the models of apps for which there is no factory."""
    models = {label for label, mapper in labelled_models().items() if mapper.class_.__module__.startswith("app.")}
    return sorted(models - factories.keys())


def chosen(factories: Factories, names: Sequence[str]) -> list[Factory]:
    """Return the factories of these models, or of all that are meant for `seed`. Raises CommandError."""
    if not names:
        return [factory for factory in factories.values() if factory.__is_seeded__]
    found = []
    for name in names:
        labels = [label for label in factories if name in (label, label.partition(".")[2])]
        if len(labels) != 1:
            known = ", ".join(sorted(factories))
            raise CommandError(f"{name!r} is not one model with a factory. There are: {known}.")
        found.append(factories[labels[0]])
    return list(dict.fromkeys(found))


def in_order(wanted: Iterable[Factory]) -> Iterator[Factory]:
    """Yield each factory after those of the models that its rows refer to, as far as that is possible."""
    left = {factory.__model__: factory for factory in wanted}

    def visit(model: type) -> Iterator[Factory]:
        if factory := left.pop(model, None):
            for relation in references(model):
                yield from visit(relation.mapper.class_)
            yield factory

    for model in list(left):
        yield from visit(model)


def references(model: type) -> list[Relation]:
    """Return what leads to other rows by a foreign key or a table between. The owner comes first."""
    mapper: Mapper[Any] = inspect(model)
    found = [each for each in mapper.relationships if each.direction is not RelationshipDirection.ONETOMANY]
    return sorted((each for each in found if not each.viewonly), key=lambda each: each.key != OWNER)


class Seeder:
    """Makes rows in one session. The caller commits.

    A new row refers to rows that are there. If it must refer to one and there is none, that is made, too.
    """

    def __init__(self, db: AsyncSession, factories: Factories, random: Random) -> None:
        self._db = db
        self._factories = {factory.__model__: factory for factory in factories.values()}
        self._random = random
        self._rows: dict[type, list[Row]] = {}
        self.made: Counter[Factory] = Counter()

    async def add(self, factory: Factory, **fixed: Row) -> Row:
        """Add one row, with other values until no unique one is taken. Raises CommandError."""
        rows = await self._known(factory.__model__)
        taken: set[str] = set()
        for _ in range(PATIENCE + len(rows)):
            values = {**self._key(factory), **await self._references(factory, fixed, taken)}
            try:
                async with self._db.begin_nested():  # it flushes, so the row must not be in the list of another one yet
                    row = factory.build(**values)
                    self._db.add(row)
            except (StatementError, OverflowError) as error:
                taken = set(_taken(error))
                if not taken:
                    raise _explained(factory, error) from None
                continue
            rows.append(row)
            self.made[factory] += 1
            return row
        raise CommandError(_fault(factory, f"finds no more values for {', '.join(sorted(taken))}, which is unique"))

    async def _known(self, model: type) -> list[Row]:
        if model not in self._rows:
            mapper: Mapper[Any] = inspect(model)
            query: Select[Any] = select(model).order_by(*mapper.primary_key).limit(KNOWN)
            # By their names: keys may be by chance, as those of permissions.
            self._rows[model] = sorted(await self._db.scalars(query), key=str)
        return self._rows[model]

    def _key(self, factory: Factory) -> Values:
        """A key of the random generator is the same each time."""
        mapper: Mapper[Any] = inspect(factory.__model__)
        keys = [key for key in mapper.primary_key if key.type.python_type is UUID and not key.foreign_keys]
        return {
            str(key.key): UUID(int=self._random.getrandbits(128), version=4)
            for key in keys
            if not hasattr(factory, str(key.key))
        }

    async def _references(self, factory: Factory, fixed: Values, taken: Set[str]) -> Values:
        """Return a value for each reference. If references are `taken`, the last of them gets a new row or none."""
        values, worn = dict(fixed), _worn(factory.__model__, taken)
        for relation in references(factory.__model__):
            if relation.key not in values and _is_open(factory, relation):
                has_owner = OWNER in values and OWNER in inspect(relation.mapper).relationships
                owner = {OWNER: values[OWNER]} if has_owner else {}
                rows = [row for row in await self._known(relation.mapper.class_) if _belongs(row, owner)]
                values[relation.key] = await self._referred(factory, relation, [] if relation is worn else rows, owner)
        return values

    async def _referred(self, factory: Factory, relation: Relation, rows: list[Row], owner: Values) -> Row:
        if relation.uselist:
            return self._random.sample(rows, self._random.randint(0, min(MANY, len(rows))))
        if all(column.nullable for column in relation.local_columns):
            return self._random.choice(rows) if rows and self._random.random() < FILLED else None
        if rows:
            return self._random.choice(rows)
        model = relation.mapper.class_
        if model not in self._factories:
            raise CommandError(_fault(factory, f"needs a row of {label_of(model)}, which has no factory"))
        return await self.add(self._factories[model], **owner)


def _belongs(row: Row, owner: Values) -> bool:
    return not owner or getattr(row, f"{OWNER}_id", None) == owner[OWNER].id


def _worn(model: type, taken: Set[str]) -> Relation | None:
    columns = {relation: {column.name for column in relation.local_columns} for relation in references(model)}
    found = [relation for relation, names in columns.items() if names <= taken]
    return found[-1] if taken and taken <= set().union(*columns.values()) else None


def _is_open(factory: Factory, relation: Relation) -> bool:
    """True if the factory names no value of its own: another factory stands for any row."""
    value = getattr(factory, relation.key, None)
    return value is None or isinstance(value, type)


def _taken(error: Exception) -> list[str]:
    return taken_columns(error) if isinstance(error, DBAPIError) else []


def _explained(factory: Factory, error: Exception) -> Exception:
    if not is_unfit(error):
        return error
    return CommandError(_fault(factory, f"makes a row that does not fit: {cause_of(error)}"))


def _fault(factory: Factory, fault: str) -> str:
    return f"{factory.__name__} of {factory.__module__} {fault}. Nothing was changed."
