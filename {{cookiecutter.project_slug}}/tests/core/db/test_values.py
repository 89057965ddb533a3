import sys
from decimal import Decimal
from typing import Annotated, Any

import pytest
from pydantic import TypeAdapter, ValidationError
from sqlalchemy import INTEGER, JSON, BigInteger, Float, Interval, LargeBinary, Numeric, SmallInteger, String
from sqlalchemy.types import TypeEngine

from app.core.db import STORABLE, Int32, Json, Slug, Timestamp, UTCDateTime, input_type, is_text, quantized


@pytest.mark.parametrize("text", ["", "a", "é☕", "\n\t", "\U0001f600", "x" * 2**20])
def test_text_is_what_both_databases_can_store(text: str) -> None:
    assert is_text(text)


@pytest.mark.parametrize("value", ["\0", "a\0b", "\ud800", "a\udfff", b"a", 1, None])
def test_anything_else_is_not(value: object) -> None:
    assert not is_text(value)


def test_a_megabyte_of_text_is_checked_in_a_few_steps() -> None:
    """A call for each character would stop all other requests for 90 ms."""
    calls = 0

    def count(_: Any, event: str, __: Any) -> None:
        nonlocal calls
        calls += event.endswith("call")

    text = "é" * 2**19
    sys.setprofile(count)
    try:
        is_text(text)
    finally:
        sys.setprofile(None)

    assert calls < 10


@pytest.mark.parametrize(
    ("kind", "value", "stored"),
    [
        (Slug, "a-new-beginning-2", "a-new-beginning-2"),
        (Int32, -(2**31), -(2**31)),
        (Timestamp, "2026-01-31T12:00:00+02:00", "2026-01-31 10:00:00+00:00"),
        (Json, {"a": [1, 1.5, None, True, "é"]}, {"a": [1, 1.5, None, True, "é"]}),
        (Json, -(2**63), -(2**63)),
        (Annotated[dict[int, Any], STORABLE], {1: "é"}, {1: "é"}),
    ],
)
def test_values_that_both_databases_can_store(kind: Any, value: object, stored: object) -> None:
    found = TypeAdapter(kind).validate_python(value)

    assert (str(found) if kind is Timestamp else found) == stored


def test_a_decimal_reads_as_the_column_will_give_it_back() -> None:
    assert str(TypeAdapter(Annotated[Decimal, quantized(2)]).validate_python("1")) == "1.00"


DEEP: list[Any] = []
for _ in range(10_000):
    DEEP = [DEEP]


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (Slug, ""),
        (Slug, "A"),
        (Slug, "a--b"),
        (Slug, "a-\n"),
        (Slug, "a" * 101),
        (Int32, 2**31),
        (Timestamp, "2026-01-31T12:00:00"),
        (Timestamp, "0001-01-01T00:00:00+14:00"),
        (Json, None),
        (Json, {"a": "\0"}),
        (Json, {"\ud800": 1}),
        (Json, [float("nan")]),
        (Json, [[float("inf")]]),
        (Json, 2**63),
        (Json, DEEP),
        (Annotated[list[Any], STORABLE], DEEP),
        (Annotated[dict[str, Any], STORABLE], {"a": [{"\0": 1}]}),
    ],
)
def test_values_that_they_cannot_store(kind: Any, value: object) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(kind).validate_python(value)


@pytest.mark.parametrize(
    ("column_type", "fitting", "unfit"),
    [
        (String(3), "abc", "abcd"),
        (String(3), "", "\0"),
        (SmallInteger(), 2**15 - 1, 2**15),
        (INTEGER(), -(2**31), -(2**31) - 1),
        (BigInteger(), 2**63 - 1, 2**63),
        (Float(), 1e300, float("inf")),
        (Numeric(4, 2), "99.99", "99.999"),
        (Float(asdecimal=True), "1.5", "NaN"),
        (UTCDateTime(), "2026-01-31T12:00:00+02:00", "2026-01-31T12:00:00"),
        (LargeBinary(), "AA==", "A"),
        (Interval(), "P2932896DT23H59M59.999999S", "P2932897D"),
        (Interval(), "-P719162D", "-P719163D"),
        (JSON(), None, {"a": float("nan")}),
        (JSON(), [{}], 2**63),
    ],
    ids=str,
)
def test_input_for_a_column(column_type: TypeEngine[Any], fitting: object, unfit: object) -> None:
    adapter = TypeAdapter(input_type(column_type))

    adapter.validate_python(fitting)
    with pytest.raises(ValidationError):
        adapter.validate_python(unfit)
