import pytest

from app.core.cli import CommandError
from app.core.cli.startapp.fields import Field
from app.core.cli.startapp.grammar import parse, parse_all
from app.core.cli.startapp.kinds import KINDS

TYPES = ", ".join(KINDS)


@pytest.mark.parametrize(
    ("word", "field"),
    [
        ("title:str", Field("title", "str", "200")),
        ("title:str:80:search:unique", Field("title", "str", "80", frozenset({"search", "unique"}))),
        ("title:str:optional", Field("title", "str", "200", frozenset({"optional"}))),
        ("price:decimal", Field("price", "decimal", "10,2")),
        ("price:decimal:4,4:index:optional", Field("price", "decimal", "4,4", frozenset({"index", "optional"}))),
        ("status:enum:optional,search", Field("status", "enum", "optional,search")),
        ("author:ref:accounts.User", Field("author", "ref", "accounts.User")),
        (
            "author:ref:accounts.User:setnull:optional",
            Field("author", "ref", "accounts.User", frozenset({"setnull", "optional"})),
        ),
        ("tags:many:tags.Tag", Field("tags", "many", "tags.Tag")),
        ("type:bool", Field("type", "bool")),
        ("match:int", Field("match", "int")),
    ],
)
def test_a_field_has_a_name_a_type_an_argument_and_modifiers(word: str, field: Field) -> None:
    assert parse(word) == field


@pytest.mark.parametrize("type_", KINDS)
def test_each_type_is_complete(type_: str) -> None:
    """What the templates need: a row that is made, one that is not found, and one that is refused."""
    field = parse_all([f"x:{type_}:{({'enum': 'a,b', 'ref': 'x.Y', 'many': 'x.Y'}).get(type_, '')}".rstrip(":")])[0]

    assert field.kind.wrong
    assert field.target or type_ in ("ref", "many") or field.source("sample")
    assert field.kind.default or field.kind.made or type_ == "ref"
    assert (field.kind.numbered != "") == (field.kind.is_indexed and type_ not in ("ref", "enum"))


@pytest.mark.parametrize(
    ("word", "fault"),
    [
        ("", "'' does not match [a-z][a-z0-9_]*. An example of a field is `title:str:200`."),
        ("Title:str", "'Title' does not match [a-z][a-z0-9_]*. An example of a field is `title:str:200`."),
        ("_x:str", "'_x' does not match [a-z][a-z0-9_]*. An example of a field is `title:str:200`."),
        ("é:str", "'é' does not match [a-z][a-z0-9_]*. An example of a field is `title:str:200`."),
        (f"{'a' * 31}:str", f"'{'a' * 31}' is longer than 30 characters."),
        ("class:str", "'class' is a keyword of Python. Choose another name for the field."),
        *(
            (f"{name}:str", f"{name!r} is reserved. Choose another name for the field.")
            for name in (
                "id",
                "created_at",
                "metadata",
                "registry",
                "json",
                "copy",
                "model_dump",
                "sort",
                "limit",
                "end",
            )
        ),
        ("title", "'title' has no type. An example is `title:str:200`."),
        ("title:", f"'title:': there is no type ''. The types are {TYPES}."),
        ("title:varchar", f"'title:varchar': there is no type 'varchar'. The types are {TYPES}."),
        (
            "title:str:0",
            "'title:str:0': the length is a number from 1 to 10000, as in `title:str:200`. "
            "For longer texts there is `text`.",
        ),
        (
            "title:str:1_0",
            "'title:str:1_0': the length is a number from 1 to 10000, as in `title:str:200`. "
            "For longer texts there is `text`.",
        ),
        *(
            (
                f"price:decimal:{digits}",
                f"'price:decimal:{digits}': write how many digits it has, at most 15, and how many of them are "
                "decimals: `price:decimal:10,2`.",
            )
            for digits in ("10", "2,3", "0,0", "16,2", "a,b")
        ),
        *(
            (
                f"status:enum{values}",
                f"'status:enum{values}': write two or more values, in small letters and with commas between them: "
                "`status:enum:draft,published`.",
            )
            for values in ("", ":draft", ":draft,", ":Draft,published", ":1,2", ":a b,c")
        ),
        ("status:enum:a-b,a_b", "'status:enum:a-b,a_b': two of its values are the same."),
        (f"status:enum:a,{'b' * 65}", f"'status:enum:a,{'b' * 65}': a value has at most 64 characters."),
        ("author:ref", "'author:ref': write an app and its model, as in `author:ref:accounts.User`."),
        ("author:ref:User", "'author:ref:User': write an app and its model, as in `author:ref:accounts.User`."),
        ("tags:many:tags.tag", "'tags:many:tags.tag': write an app and its model, as in `author:ref:accounts.User`."),
        (
            "title:str:200:big",
            "'title:str:200:big': there is no modifier 'big'. "
            "The modifiers are optional, unique, index, search, cascade, restrict, setnull.",
        ),
        (
            "count:int:5",
            "'count:int:5': there is no modifier '5'. "
            "The modifiers are optional, unique, index, search, cascade, restrict, setnull.",
        ),
        ("title:str:unique:unique", "'title:str:unique:unique': 'unique' is there twice."),
        ("title:str:cascade", "'title:str:cascade': 'cascade' is for references (`ref`) only."),
        ("a:ref:b.C:cascade:restrict", "'a:ref:b.C:cascade:restrict': choose one of cascade and restrict."),
        ("a:ref:b.C:setnull", "'a:ref:b.C:setnull': 'setnull' needs 'optional', because then the field can be empty."),
        ("a:many:b.C:optional", "'a:many:b.C:optional': a `many` may have no rows, so 'optional' means nothing."),
        ("done:bool:search", "'done:bool:search': 'search' is for str, slug and email only."),
        ("body:text:search", "'body:text:search': 'search' is for str, slug and email only."),
        ("a:many:b.C:unique", "'a:many:b.C:unique': 'unique' makes no sense for the type many."),
        ("done:bool:index", "'done:bool:index': 'index' makes no sense for the type bool."),
        ("status:enum:a,b:unique", "'status:enum:a,b:unique': 'unique' makes no sense for the type enum."),
        (
            "title:str:401:index",
            "'title:str:401:index': with 'unique', 'index' or 'search', a text has at most 400 characters.",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(word: str, fault: str) -> None:
    with pytest.raises(CommandError) as refused:
        parse(word)

    assert str(refused.value) == fault


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (["a:str", "a:int"], "'a' and 'a' both need the name 'a'. Rename one of them."),
        (["a:ref:b.C", "a_id:int"], "'a_id' and 'a' both need the name 'a_id'. Rename one of them."),
        (["a:str:search", "a_folded:str"], "'a_folded' and 'a' both need the name 'a_folded'. Rename one of them."),
        (["a_min:int", "a:int"], "'a' and 'a_min' both need the name 'a_min'. Rename one of them."),
        ([f"a{n}:int" for n in range(51)], "A model has at most 50 fields, and these are 51."),
    ],
)
def test_no_two_fields_share_a_name(words: list[str], fault: str) -> None:
    with pytest.raises(CommandError) as refused:
        parse_all(words)

    assert str(refused.value) == fault


@pytest.mark.parametrize(
    ("word", "on_delete"),
    [
        ("a:ref:b.C", ""),
        ("a:ref:b.C:restrict", ""),
        ("a:ref:b.C:optional", "SET NULL"),
        ("a:ref:b.C:optional:setnull", "SET NULL"),
        ("a:ref:b.C:optional:restrict", ""),
        ("a:ref:b.C:optional:cascade", "CASCADE"),
        ("a:ref:b.C:cascade", "CASCADE"),
    ],
)
def test_an_optional_reference_is_emptied_and_another_one_keeps_the_row(word: str, on_delete: str) -> None:
    assert parse(word).on_delete == on_delete


def test_folding_fits_into_the_copy() -> None:
    """Some characters become three. `MAX_INDEXED` of them fit into an entry of an index in PostgreSQL."""
    length = len(("ΐ" * 200).casefold())

    assert parse("title:str:200:search").folded_length == length
