"""A new app with its fields, as the templates see it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from app.core.cli.startapp.fields import Field, Target
from app.core.cli.startapp.kinds import Filter
from app.core.cli.startapp.names import Names

IN_LIST = 5  # columns in a list of the admin site, besides the time


@dataclass(frozen=True)
class NewApp(Names):
    fields: Sequence[Field] = ()
    is_owned: bool = False

    def of(self, *types: str) -> list[Field]:
        return [field for field in self.fields if field.type in types]

    @property
    def columns(self) -> list[Field]:
        return [field for field in self.fields if field.type != "many"]

    @property
    def relations(self) -> list[Field]:
        """The fields that name other rows."""
        return [field for field in self.fields if field.target]

    @property
    def targets(self) -> dict[str, Target]:
        """The models of the relations by their names. Several fields may name one."""
        return {field.target.model: field.target for field in self.fields if field.target}

    @property
    def others(self) -> list[Target]:
        """The models that it refers to, without itself."""
        return [target for target in self.targets.values() if not target.is_self]

    @property
    def refers_to_owned(self) -> bool:
        return any(target.is_owned for target in self.targets.values())

    @property
    def optional(self) -> list[Field]:
        return [field for field in self.fields if field.is_optional]

    @property
    def made(self) -> list[Field]:
        """The fields that a factory names: all values, and the references that a row needs."""
        return [field for field in self.columns if not (field.is_optional and field.target)]

    @property
    def searched(self) -> list[Field]:
        return [field for field in self.fields if field.is_searched]

    @property
    def folded(self) -> list[Field]:
        return [field for field in self.fields if field.is_folded]

    @property
    def sorted(self) -> list[Field]:
        return [field for field in self.fields if field.is_sorted]

    @property
    def equals(self) -> list[Field]:
        return [field for field in self.columns if field.kind.filter is Filter.EQUAL]

    @property
    def ranges(self) -> list[Field]:
        return [field for field in self.columns if field.kind.filter is Filter.RANGE]

    @property
    def has_filters(self) -> bool:
        return any(field.filters for field in self.fields)

    @property
    def has_conflicts(self) -> bool:
        """Whether a new row can be refused because of other rows."""
        return bool(self.unique or self.relations)

    @property
    def label(self) -> Field | None:
        """The field that names a row."""
        texts = self.of("str", "slug", "email")
        return next((field for field in texts if not field.is_optional), None)

    @property
    def unique(self) -> list[tuple[str, ...]]:
        """The columns of each UNIQUE. In an app whose rows have owners, each owner may use every value."""
        owner = ("owner_id",) if self.is_owned else ()
        return sorted((field.attribute, *owner) for field in self.columns if field.is_unique)

    @property
    def indexes(self) -> list[tuple[tuple[str, ...], str]]:
        """The columns and the options of each index, sorted by the name."""
        found = [*self.lists, *(((field.attribute,), "") for field in self.of("ref") if not field.is_unique)]
        return sorted(found)

    @property
    def lists(self) -> Iterator[tuple[tuple[str, ...], str]]:
        """The indexes for sorted lists and for searches. A unique column has one already."""
        yield ("created_at", "id"), ""
        if self.is_owned:
            yield ("owner_id", "created_at", "id"), ""
        for field in self.sorted:
            if field.is_folded or self.is_owned or not field.is_unique:
                options = f', postgresql_ops={{"{field.compared}": "NULLS FIRST"}}' if field.is_optional else ""
                yield (field.compared, "id"), options

    @property
    def table_arguments(self) -> Iterator[str]:
        for columns, options in self.lists:
            yield f"Index(None, {_quoted(columns)}{options})"
        if self.is_owned:
            yield from (f"UniqueConstraint({_quoted(columns)})" for columns in self.unique)

    @property
    def long_names(self) -> Iterator[str]:
        """Names of tables and CHECKs. SQLAlchemy shortens those of indexes and other constraints."""
        for field in self.of("many"):
            yield f"{self.name}_{self.table_of(field)}"
        for field in self.of("enum"):
            yield f"ck_{self.table}_{field.check[0]}"

    def column(self, field: Field) -> str:
        """Return the arguments of `mapped_column`."""
        parts = [field.column_type] if field.type != "ref" else [self._foreign_key(field)]
        if field.kind.default and not (field.is_optional and field.type != "enum"):
            parts.append(f"default={field.source('default')}")
        if field.is_unique and not self.is_owned:
            parts.append("unique=True")
        elif field.type == "ref" and not field.is_unique:
            parts.append("index=True")
        return ", ".join(filter(None, parts))

    def _foreign_key(self, field: Field) -> str:
        assert field.target
        action = f', ondelete="{field.on_delete}"' if field.on_delete else ""
        return f"ForeignKey({field.target.column}{action})"

    def is_ambiguous(self, model: str) -> bool:
        """Whether several foreign keys refer to the same table. A relationship must then name its own."""
        models = [field.target.model for field in self.of("ref") if field.target]
        return [*models, *(["User"] if self.is_owned else [])].count(model) > 1

    def table_of(self, field: Field) -> str:
        """Return the variable with the table of a `many`. The table has the app's name in front."""
        return f"{self.item}_{field.name}"

    def other_key(self, field: Field) -> str:
        """Return the column with the key of the other model in the table of a `many`."""
        assert field.target
        other = field.target.item
        return f"{field.name if other == self.item else other}_id"

    @property
    def loaded(self) -> str:
        """The options that load the related rows."""
        return ", ".join(f"selectinload({self.model}.{field.name})" for field in self.of("many"))

    @property
    def form(self) -> list[str]:
        return [*(["owner"] if self.is_owned else []), *(field.name for field in self.fields)]

    @property
    def listed(self) -> list[str]:
        shown = [field.name for field in self.columns if field.type not in ("text", "json")]
        return [*shown[: IN_LIST - self.is_owned], *(["owner"] if self.is_owned else []), "created_at"]

    # What the tests of the new app do.

    @property
    def owned_relations(self) -> list[Field]:
        return [field for field in self.relations if field.target and field.target.is_owned]

    @property
    def changed(self) -> Field | None:
        return next((field for field in self.fields if field.kind.other), None)

    @property
    def kept(self) -> Field | None:
        """A field that null does not empty."""
        return next((field for field in self.fields if not field.is_optional and field is not self.changed), None)

    @property
    def filter_cases(self) -> Iterator[tuple[str, str, str]]:
        """A parameter, a value that finds the row, and one that does not."""
        for field in self.columns:
            if field.target:
                continue
            sample, other, lesser = (field.source(part) for part in ("sample", "other", "lesser"))
            match field.filters:
                case [name]:
                    yield name, sample, other
                case [least, most]:
                    yield least, sample, other
                    yield most, sample, lesser

    @staticmethod
    def as_json(field: Field, key: str) -> str:
        """Return what a body has for the key of another row."""
        assert field.target
        text = key if field.target.key == "int" else f"str({key})"
        return f"[{text}]" if field.type == "many" else text

    @staticmethod
    def unknown_key(relations: Sequence[Field]) -> str:
        """Return a key that no row has."""
        return "0" if any(field.target and field.target.key == "int" for field in relations) else "UNKNOWN"


def _quoted(names: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)
