"""The fields on the command line: `NAME:TYPE[:ARGUMENT][:MODIFIER …]`, for example `title:str:200:search`."""

import keyword
import re
from collections.abc import Callable, Iterable, Iterator, Sequence

from app.core.cli.errors import CommandError
from app.core.cli.startapp.fields import Field
from app.core.cli.startapp.kinds import KINDS
from app.core.db import Base, Paging

NAME = re.compile(r"[a-z][a-z0-9_]*")
TARGET = re.compile(r"[a-z][a-z0-9_]*\.[A-Z][A-Za-z0-9]*")
VALUES = re.compile(r"[a-z][a-z0-9]*([-_][a-z0-9]+)*(,[a-z][a-z0-9]*([-_][a-z0-9]+)*)+")

ACTIONS = ("cascade", "restrict", "setnull")
MODIFIERS = ("optional", "unique", "index", "search", *ACTIONS)

MAX_NAME = 30
MAX_FIELDS = 50
MAX_LENGTH = 10_000
MAX_INDEXED = 400  # characters, folded at most 2,400 bytes: an entry of an index in PostgreSQL has at most 2,704
MAX_VALUE = 64
MAX_DIGITS = 15  # SQLite stores a decimal as a float

RESERVED = frozenset(
    {
        *("id", "created_at", "owner", "owner_id"),  # columns
        *("search", "sort", *Paging.model_fields),  # parameters of a list
        *("as_shown", "meta"),  # of a form in the admin site
        *("batch", "build", "coverage"),  # what a factory does
        *("self", "cls"),  # parameters of the methods of classes
    }
)


def parse_all(words: Sequence[str]) -> list[Field]:
    """Raises CommandError."""
    fields = [parse(word) for word in words]
    if len(fields) > MAX_FIELDS:
        raise CommandError(f"A model has at most {MAX_FIELDS} fields, and these are {len(fields)}.")
    taken: dict[str, Field] = {}
    for field in fields:
        for name in field.taken_names:
            if other := taken.get(name):
                raise CommandError(
                    f"{field.name!r} and {other.name!r} both need the name {name!r}. Rename one of them."
                )
            taken[name] = field
    return fields


def parse(word: str) -> Field:
    """Raises CommandError."""
    name, *rest = word.split(":")
    for fault in _faults_of_name(name):
        raise CommandError(fault)
    if not rest:
        raise CommandError(f"{word!r} has no type. An example is `{name}:str:200`.")
    type_, *modifiers = rest
    if type_ not in KINDS:
        raise CommandError(f"{word!r}: there is no type {type_!r}. The types are {', '.join(KINDS)}.")
    kind, argument = KINDS[type_], KINDS[type_].arguments or ""
    if kind.needs_argument or (kind.arguments and modifiers and modifiers[0] not in MODIFIERS):
        argument, *modifiers = modifiers or [""]
    if type_ in ARGUMENTS and (wrong := ARGUMENTS[type_](argument)):
        raise CommandError(f"{word!r}: {wrong}")
    field = Field(name, type_, argument, frozenset(modifiers))
    for fault in _faults_of_modifiers(field, modifiers):
        raise CommandError(f"{word!r}: {fault}")
    return field


def _faults_of_name(name: str) -> Iterator[str]:
    if not NAME.fullmatch(name):
        yield f"{name!r} does not match {NAME.pattern}. An example of a field is `title:str:200`."
    if len(name) > MAX_NAME:
        yield f"{name!r} is longer than {MAX_NAME} characters."
    if keyword.iskeyword(name):
        yield f"{name!r} is a keyword of Python. Choose another name for the field."
    if name in RESERVED or hasattr(Base, name) or hasattr(Paging, name):
        yield f"{name!r} is reserved. Choose another name for the field."


def _wrong_length(argument: str) -> str | None:
    if argument.isdecimal() and argument.isascii() and 1 <= int(argument) <= MAX_LENGTH:
        return None
    return f"the length is a number from 1 to {MAX_LENGTH}, as in `title:str:200`. For longer texts there is `text`."


def _wrong_digits(argument: str) -> str | None:
    found = re.fullmatch(r"([0-9]+),([0-9]+)", argument)
    if found and 1 <= int(found[1]) <= MAX_DIGITS and int(found[2]) <= int(found[1]):
        return None
    return (
        f"write how many digits it has, at most {MAX_DIGITS}, and how many of them are decimals: `price:decimal:10,2`."
    )


def _wrong_values(argument: str) -> str | None:
    values = argument.split(",")
    if not VALUES.fullmatch(argument):
        return "write two or more values, in small letters and with commas between them: `status:enum:draft,published`."
    if len({value.replace("-", "_") for value in values}) < len(values):
        return "two of its values are the same."
    if len(max(values, key=len)) > MAX_VALUE:
        return f"a value has at most {MAX_VALUE} characters."
    return None


def _wrong_target(argument: str) -> str | None:
    return None if TARGET.fullmatch(argument) else "write an app and its model, as in `author:ref:accounts.User`."


ARGUMENTS: dict[str, Callable[[str], str | None]] = {
    "str": _wrong_length,
    "decimal": _wrong_digits,
    "enum": _wrong_values,
    "ref": _wrong_target,
    "many": _wrong_target,
}


def _faults_of_modifiers(field: Field, modifiers: Iterable[str]) -> Iterator[str]:
    given = list(modifiers)
    for each in given:
        if each not in MODIFIERS:
            yield f"there is no modifier {each!r}. The modifiers are {', '.join(MODIFIERS)}."
        if given.count(each) > 1:
            yield f"{each!r} is there twice."
    actions = [each for each in given if each in ACTIONS]
    if actions and field.type != "ref":
        yield f"{actions[0]!r} is for references (`ref`) only."
    if len(actions) > 1:
        yield f"choose one of {' and '.join(actions)}."
    if "setnull" in actions and not field.is_optional:
        yield "'setnull' needs 'optional', because then the field can be empty."
    if field.type == "many" and field.is_optional:
        yield "a `many` may have no rows, so 'optional' means nothing."
    if field.is_searched and not field.kind.is_searched:
        yield "'search' is for str, slug and email only."
    for each in ("unique", "index"):
        if each in given and (not field.kind.is_indexed or (each == "unique" and field.type == "enum")):
            yield f"{each!r} makes no sense for the type {field.type}."
    if field.type == "str" and field.is_sorted and int(field.argument) > MAX_INDEXED:
        yield f"with 'unique', 'index' or 'search', a text has at most {MAX_INDEXED} characters."
