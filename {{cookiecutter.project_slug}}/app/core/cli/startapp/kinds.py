"""The types of fields. Each value is source code for the templates in `app/core/cli/templates/startapp`."""

from dataclasses import dataclass
from enum import Enum


class Filter(Enum):
    """How a list can be filtered by a field."""

    NONE = "none"
    EQUAL = "equal"
    RANGE = "range"


@dataclass(frozen=True)
class Kind:
    python: str
    """The type of the value in Python."""
    column: str = ""
    """The type of the column, where SQLAlchemy does not know it from `python`."""
    migration: str = ""
    """The type of the column, as Alembic writes it."""
    schema: str = ""
    """The type in bodies and queries."""
    default: str = ""
    """What a row has that is made without a value. Without it, the field must be given."""
    filter: Filter = Filter.EQUAL
    arguments: str | None = None
    """The default of the argument. None if there is no argument."""
    needs_argument: bool = False
    is_indexed: bool = True
    """Whether `index` and `unique` make sense."""
    is_searched: bool = False
    sample: str = ""
    """A value as JSON has it, written in Python."""
    other: str = ""
    """One that is greater, if there is an order."""
    lesser: str = ""
    wrong: tuple[str, ...] = ()
    """Values in JSON that are refused."""
    made: str = ""
    """What makes the value of a factory, with `fake`, a Faker."""
    numbered: str = ""
    """A function that makes one of a number, for fields that are unique."""


KINDS = {
    "str": Kind(
        python="str",
        column="String({length})",
        migration="sa.String(length={length})",
        schema="Annotated[str, StringConstraints(min_length=1, max_length={length}), ONE_LINE"
        ', Field(examples=["{beginning}"])]',
        arguments="200",
        is_searched=True,
        sample='"{beginning}"',
        other='"{end}"',
        wrong=('""', '"x" * {longer}', '"two\\nlines"'),
        made="fake.sentence(nb_words=4)[:{length}]",
        numbered='lambda n: f"{{n}}"',
    ),
    "slug": Kind(
        python="str",
        column="by_code_point(100)",
        migration='sa.String(length=100).with_variant(sa.String(length=100, collation="C"), "postgresql")',
        schema="Slug",
        is_searched=True,
        sample='"a-new-beginning"',
        other='"another"',
        wrong=('"Not a slug"',),
        made="fake.slug()",
        numbered='lambda n: f"slug-{{n}}"',
    ),
    "text": Kind(
        python="str",
        column="Text",
        migration="sa.Text()",
        schema="Annotated[str, StringConstraints(max_length=100_000), STORABLE"
        ', Field(examples=["Once upon a time …"])]',
        default='""',
        filter=Filter.NONE,
        is_indexed=False,
        sample='"It was a dark and stormy night."',
        other='""',
        wrong=('"\\0"', '"x" * 100_001'),
        made="fake.paragraph()",
    ),
    "int": Kind(
        python="int",
        migration="sa.Integer()",
        schema="Int32",
        filter=Filter.RANGE,
        sample="7",
        other="8",
        lesser="6",
        wrong=("2**31", '"seven"'),
        made="fake.random_int(1, 100)",
        numbered="int",
    ),
    "float": Kind(
        python="float",
        migration="sa.Double()",
        schema="FiniteFloat",
        filter=Filter.RANGE,
        sample="1.5",
        other="2.5",
        lesser="0.5",
        wrong=('"NaN"',),
        made="fake.random_int(1, 100) / 4",
        numbered="float",
    ),
    "decimal": Kind(
        python="Decimal",
        column="Numeric({precision}, {scale})",
        migration="sa.Numeric(precision={precision}, scale={scale})",
        schema="Annotated[Decimal, Field(max_digits={precision}, decimal_places={scale}), quantized({scale})]",
        filter=Filter.RANGE,
        arguments="10,2",
        sample='"{unit}"',
        other='"{twice}"',
        lesser='"-{unit}"',
        wrong=('"1e{precision}"', '"NaN"'),
        made="Decimal(fake.random_int(1, {largest})).scaleb(-{scale})",
        numbered="lambda n: Decimal(n).scaleb(-{scale})",
    ),
    "bool": Kind(
        python="bool",
        migration="sa.Boolean()",
        schema="bool",
        default="False",
        is_indexed=False,
        sample="True",
        other="False",
        wrong=('"perhaps"',),
        made="fake.pybool()",
    ),
    "date": Kind(
        python="dt.date",
        migration="sa.Date()",
        schema="dt.date",
        filter=Filter.RANGE,
        sample='"2026-01-31"',
        other='"2026-02-01"',
        lesser='"2026-01-30"',
        wrong=('"2026-02-30"',),
        made="fake.date_between(dt.date(2025, 1, 1), dt.date(2026, 1, 1))",
        numbered="lambda n: dt.date(2026, 1, 31) + dt.timedelta(days=n)",
    ),
    "datetime": Kind(
        python="dt.datetime",
        migration="sa.DateTime(timezone=True)",
        schema="Timestamp",
        filter=Filter.RANGE,
        sample='"2026-01-31T12:00:00Z"',
        other='"2026-01-31T12:00:01Z"',
        lesser='"2026-01-31T11:59:59Z"',
        wrong=('"2026-01-31T12:00:00"',),
        made="fake.date_time_between(dt.datetime(2025, 1, 1), dt.datetime(2026, 1, 1), dt.UTC)",
        numbered="lambda n: dt.datetime(2026, 1, 31, 12, tzinfo=dt.UTC) + dt.timedelta(days=n)",
    ),
    "uuid": Kind(
        python="UUID",
        migration="sa.Uuid()",
        schema="UUID",
        sample='"6f7c4e1c-3d0a-4c1b-9c39-6a3c1f0e2b5d"',
        other='"b54b1a36-8a3e-4d5f-8a43-0f5f6d1c9e77"',
        wrong=('"1"',),
        made="fake.uuid4(cast_to=None)",
        numbered="lambda n: UUID(int=n)",
    ),
    "email": Kind(
        python="str",
        column="String(254)",
        migration="sa.String(length=254)",
        schema="EmailAddress",
        is_searched=True,
        sample='"ada@example.com"',
        other='"grace@example.com"',
        wrong=('"ada"',),
        made="fake.safe_email()",
        numbered='lambda n: f"ada{{n}}@example.com"',
    ),
    "url": Kind(
        python="str",
        column="String(2083)",
        migration="sa.String(length=2083)",
        schema="WebAddress",
        sample='"https://example.com/a"',
        other='"https://example.com/b"',
        wrong=('"ftp://example.com/a"', '"https://example.com/" + "é" * 2000'),
        made='f"https://example.com/{{fake.uri_path()}}"',
        numbered='lambda n: f"https://example.com/{{n}}"',
    ),
    "json": Kind(
        python="Any",
        column="JSON(none_as_null=True)",
        migration="sa.JSON(none_as_null=True)",
        schema="Json",
        filter=Filter.NONE,
        is_indexed=False,
        sample='{{"colours": ["red", "green"]}}',
        wrong=('["\\0"]',),
        made='{{"colours": fake.words()}}',
    ),
    "enum": Kind(
        python="{enumeration}",
        migration="sa.String(length=64)",
        schema="{enumeration}",
        default="{enumeration}.{member}",
        arguments="",
        needs_argument=True,
        sample='"{last}"',
        other='"{first}"',
        wrong=('"?"',),
        made="fake.enum({enumeration})",
    ),
    "ref": Kind(
        python="{key}", migration="{key_migration}", schema="{key}", arguments="", needs_argument=True, wrong=('"?"',)
    ),
    "many": Kind(
        python="list[{key}]",
        schema="set[{key}]",
        default="set()",
        arguments="",
        needs_argument=True,
        is_indexed=False,
        wrong=('["?"]',),
    ),
}
