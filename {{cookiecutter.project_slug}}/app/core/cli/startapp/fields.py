"""A field of a new model, as the templates see it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from zlib import crc32

from app.core.cli.startapp.kinds import KINDS, Filter, Kind

SEARCH_FOLDED = ("str", "email")
"""Types in which the case of letters counts: a search reads a folded copy of the column."""


def snake(model: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", model).lower()


@dataclass(frozen=True)
class Target:
    """The model that a `ref` or `many` names."""

    app: str
    model: str
    table: str
    key: str
    """The type of the key in Python: `UUID`, `int` or `str`."""
    key_migration: str
    is_self: bool = False
    is_owned: bool = False
    factory: str = ""
    """The module with its factory. Without one, the new app gets a factory for it."""

    @property
    def item(self) -> str:
        """As in the names of variables: `BlogPost` gives `blog_post`."""
        return snake(self.model)

    @property
    def column(self) -> str:
        return f'"{self.table}.id"' if self.is_self else f"{self.model}.id"


@dataclass(frozen=True)
class Field:
    name: str
    type: str
    argument: str = ""
    modifiers: frozenset[str] = frozenset()
    model: str = ""
    """The model that has the field."""
    target: Target | None = None

    @property
    def kind(self) -> Kind:
        return KINDS[self.type]

    @property
    def is_optional(self) -> bool:
        return "optional" in self.modifiers

    @property
    def is_unique(self) -> bool:
        return "unique" in self.modifiers

    @property
    def is_searched(self) -> bool:
        return "search" in self.modifiers

    @property
    def is_folded(self) -> bool:
        return self.is_searched and self.type in SEARCH_FOLDED

    @property
    def is_sorted(self) -> bool:
        return self.type != "ref" and not self.modifiers.isdisjoint({"unique", "index", "search"})

    @property
    def attribute(self) -> str:
        """In the model, in bodies and in answers."""
        return f"{self.name}_id" if self.type == "ref" else self.name

    @property
    def compared(self) -> str:
        """The column that a search and a sorted list read."""
        return f"{self.name}_folded" if self.is_folded else self.attribute

    @property
    def filters(self) -> tuple[str, ...]:
        """The parameters of a list."""
        match self.kind.filter:
            case Filter.EQUAL:
                return (self.attribute,)
            case Filter.RANGE:
                return (f"{self.name}_min", f"{self.name}_max")
        return ()

    @property
    def taken_names(self) -> Iterator[str]:
        yield self.name
        if self.attribute != self.name:
            yield self.attribute
        if self.is_folded:
            yield self.compared
        if len(self.filters) > 1:
            yield from self.filters

    @property
    def on_delete(self) -> str:
        """In SQL. Without an action, a row that others refer to cannot be deleted, unless they go with it."""
        if "cascade" in self.modifiers:
            return "CASCADE"
        return "SET NULL" if self.is_optional and "restrict" not in self.modifiers else ""

    @property
    def values(self) -> dict[str, str]:
        """The members of an enumeration, and their values."""
        return {value.replace("-", "_").upper(): value for value in self.argument.split(",")}

    @property
    def enumeration(self) -> str:
        return self.model + "".join(part.title() for part in self.name.split("_"))

    @property
    def alias(self) -> str:
        """The name of its type in `schemas.py`, where that needs one."""
        return self.enumeration if self.source("schema").startswith("Annotated") else ""

    @property
    def check(self) -> tuple[str, str]:
        """The name and the text of the CHECK that `app.core.db.base` makes."""
        members = sorted(self.values)
        digest = crc32(repr(members).encode())
        return f"{self.name}_{digest:08x}", f"{self.name} IN ({', '.join(map(repr, self.values))})"

    def source(self, part: str) -> str:
        """Return the source code for this part of the kind."""
        return str(getattr(self.kind, part)).format_map(self._values())

    @property
    def wrong(self) -> list[str]:
        return [each.format_map(self._values()) for each in self.kind.wrong]

    def _values(self) -> dict[str, object]:
        match self.type:
            case "str":
                length = int(self.argument)
                texts = {"beginning": "A beginning"[:length].strip(), "end": "The end"[:length].strip()}
                return {"length": length, "longer": length + 1, **texts}
            case "decimal":
                precision, scale = map(int, self.argument.split(","))
                unit = 10 ** -(precision == scale)
                return {
                    "precision": precision,
                    "scale": scale,
                    "largest": 10 ** min(precision, 6) - 1,
                    "unit": f"{unit:.{scale}f}",
                    "twice": f"{2 * unit:.{scale}f}",
                }
            case "enum":
                first, *_, last = self.values.values()
                return {
                    "enumeration": self.enumeration,
                    "member": next(iter(self.values)),
                    "first": first,
                    "last": last,
                }
        if self.target:
            return {"key": self.target.key, "key_migration": self.target.key_migration}
        return {}

    @property
    def column_type(self) -> str:
        """Both databases must sort a text with an index alike."""
        source = self.source("column")
        is_read_in_order = not self.modifiers.isdisjoint({"unique", "index"})
        return source.replace("String(", "by_code_point(") if is_read_in_order else source

    @property
    def migration_type(self) -> str:
        source = self.source("migration")
        return (
            in_code_points(source) if self.column_type.startswith("by_code_point") and self.type != "slug" else source
        )

    @property
    def folded_length(self) -> int:
        """Folding makes at most three characters of one."""
        return 3 * (int(self.argument) if self.type == "str" else 254)

    @property
    def folded_migration(self) -> str:
        return in_code_points(f"sa.String(length={self.folded_length})")


def in_code_points(string: str) -> str:
    """Return a type of `app.core.db.by_code_point`, as Alembic writes it."""
    return f'{string}.with_variant({string[:-1]}, collation="C"), "postgresql")'
