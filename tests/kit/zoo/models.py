"""Models as people write them, for `app/zoo/models.py` of a rendered project. Both databases can hold them."""

import enum
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID, uuid4

from app.core.db import Base
from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    Column,
    Computed,
    Date,
    DateTime,
    Dialect,
    Double,
    Enum,
    ForeignKey,
    Index,
    Integer,
    Interval,
    LargeBinary,
    Numeric,
    SmallInteger,
    String,
    Table,
    Text,
    Time,
    TypeDecorator,
    Unicode,
    Uuid,
    func,
    select,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import Mapped, column_property, composite, deferred, mapped_column, relationship, validates
from sqlalchemy.types import TypeEngine


class Diet(enum.Enum):
    meat = "meat"
    grass = "grass"


class Danger(enum.IntEnum):
    none = 0
    bites = 1


class Color(enum.Enum):
    RED = "red"
    DARK_GREEN = "dark'green"


class Trimmed(TypeDecorator[str]):
    """A custom type of the project."""

    impl = String
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return value and value.strip()


class Document(TypeDecorator[Any]):
    """A custom type of the project that differs between databases."""

    impl = JSON
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(JSONB() if dialect.name == "postgresql" else JSON())


class Cents(TypeDecorator[Decimal]):
    """Money, stored as a number of cents."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> int | None:
        return None if value is None else int(value * 100)

    def process_result_value(self, value: int | None, dialect: Dialect) -> Decimal | None:
        return None if value is None else Decimal(value) / 100


class Words(TypeDecorator[list[str]]):
    """Python has a list, and the database a text."""

    impl = String
    cache_ok = True

    def process_bind_param(self, value: list[str] | None, dialect: Dialect) -> str | None:
        return None if value is None else " ".join(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> list[str] | None:
        return None if value is None else value.split()


@dataclass(frozen=True)
class Place:
    x: int
    y: int


class Animal(Base):
    __tablename__ = "zoo_animal"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    name: Mapped[str] = mapped_column(Trimmed(100))
    diet: Mapped[Diet] = mapped_column(default=Diet.grass)
    second_diet: Mapped[Diet | None]
    size: Mapped[Literal["small", "large"] | None]
    notes: Mapped[Any] = mapped_column(Document, nullable=True)


class Everything(Base):
    """A column of each type, and a value for each that no form shows completely."""

    __tablename__ = "zoo_everything"
    __table_args__ = (Index(None, "moment", "id"), CheckConstraint("small < 100", name="small"))

    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    label: Mapped[str] = mapped_column(String(20))
    note: Mapped[str] = mapped_column(Text, default="")
    maybe: Mapped[str | None] = mapped_column(Unicode(20))
    small: Mapped[int] = mapped_column(SmallInteger, default=1)
    whole: Mapped[int | None]
    big: Mapped[int | None] = mapped_column(BigInteger)
    ratio: Mapped[float] = mapped_column(default=0.0)
    precise: Mapped[float | None] = mapped_column(Double)
    price: Mapped[Decimal | None] = mapped_column(Numeric(8, 3))
    cents: Mapped[Decimal | None] = mapped_column(Cents)
    flag: Mapped[bool] = mapped_column(default=False)
    tristate: Mapped[bool | None]
    day: Mapped[date | None] = mapped_column(Date)
    clock: Mapped[time | None] = mapped_column(Time)
    moment: Mapped[datetime] = mapped_column(default=func.now())
    naive: Mapped[datetime | None] = mapped_column(DateTime)
    stamp: Mapped[datetime] = mapped_column(server_default=func.now())
    span: Mapped[timedelta | None] = mapped_column(Interval)
    extra: Mapped[Any] = mapped_column(JSON, nullable=True)
    settings: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    raw: Mapped[bytes | None] = mapped_column(LargeBinary)
    token: Mapped[UUID | None] = mapped_column(Uuid)
    color: Mapped[Color | None] = mapped_column(
        Enum(Color, native_enum=False, values_callable=lambda members: [each.value for each in members])
    )
    native: Mapped[Diet | None] = mapped_column(Enum(Diet, name="zoo_diet"))
    danger: Mapped[Danger] = mapped_column(default=Danger.none)
    words: Mapped[list[str] | None] = mapped_column(Words(50))
    copied: Mapped[str | None] = mapped_column(default=lambda context: context.get_current_parameters()["label"])
    essay: Mapped[str | None] = deferred(mapped_column(Text))
    metadata_: Mapped[str | None] = mapped_column("metadata", String(20))
    shown: Mapped[str | None] = mapped_column(String(20))
    data: Mapped[str | None] = mapped_column(String(20))
    place_x: Mapped[int] = mapped_column(default=0)
    place_y: Mapped[int] = mapped_column(default=0)
    place: Mapped[Place] = composite("place_x", "place_y")

    @hybrid_property
    def loud(self) -> str:
        return self.label.upper()

    @validates("label")
    def _check_label(self, _key: str, value: str) -> str:
        if value == "forbidden":
            raise ValueError("This label is forbidden.")
        return value

    def __str__(self) -> str:
        return self.label


class Country(Base):
    """A natural key."""

    __tablename__ = "zoo_country"

    code: Mapped[str] = mapped_column(String(20), primary_key=True)
    name: Mapped[str] = mapped_column(String(100))

    def __str__(self) -> str:
        return self.name


class Ticket(Base):
    """A key of several columns, one of which belongs to another table."""

    __tablename__ = "zoo_ticket"

    country_code: Mapped[str] = mapped_column(ForeignKey(Country.code), primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    holder: Mapped[str] = mapped_column(String(50), default="")
    country: Mapped[Country] = relationship()


class Stamp(Base):
    """The name of an attribute is not that of its column."""

    __tablename__ = "zoo_stamp"

    id: Mapped[int] = mapped_column("stamp_id", primary_key=True)
    kind: Mapped[Diet] = mapped_column(default=Diet.meat)


class Moment(Base):
    """A time as the key."""

    __tablename__ = "zoo_moment"

    at: Mapped[datetime] = mapped_column(primary_key=True)
    kind: Mapped[Diet] = mapped_column(primary_key=True)
    text: Mapped[str | None]


class Node(Base):
    """Rows that refer to rows of the same table."""

    __tablename__ = "zoo_node"

    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(String(50), unique=True)
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("zoo_node.id"))
    parent: Mapped["Node | None"] = relationship(remote_side=id, back_populates="children")
    children: Mapped[list["Node"]] = relationship(back_populates="parent")

    def __str__(self) -> str:
        return self.title


class Team(Base):
    """Two tables that refer to each other."""

    __tablename__ = "zoo_team"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    title: Mapped[str] = mapped_column(String(200))
    captain_id: Mapped[UUID | None] = mapped_column(ForeignKey("zoo_member.id"))
    captain: Mapped["Member | None"] = relationship(foreign_keys=captain_id, post_update=True)

    def __str__(self) -> str:
        return self.title


class Member(Base):
    __tablename__ = "zoo_member"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    team_id: Mapped[UUID] = mapped_column(ForeignKey(Team.id))
    team: Mapped[Team] = relationship(foreign_keys=team_id)

    def __str__(self) -> str:
        """It needs another row."""
        return f"a member of {self.team.title}"


class Review(Base):
    __tablename__ = "zoo_review"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    product_id: Mapped[UUID] = mapped_column(ForeignKey("zoo_product.id", ondelete="CASCADE"), index=True)
    text: Mapped[str] = mapped_column(String(200))


tagged = Table(
    "zoo_tagged",
    Base.metadata,
    Column("product_id", ForeignKey("zoo_product.id", ondelete="CASCADE"), primary_key=True),
    Column("country_code", ForeignKey(Country.code, ondelete="CASCADE"), primary_key=True),
)


class Product(Base):
    __tablename__ = "zoo_product"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    title: Mapped[str] = mapped_column(String(200))
    version: Mapped[int] = mapped_column()
    review_count: Mapped[int] = column_property(
        select(func.count(Review.id)).where(Review.product_id == id).correlate_except(Review).scalar_subquery()
    )
    countries: Mapped[list[Country]] = relationship(secondary=tagged)

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012

    def __str__(self) -> str:
        return self.title


Product.shout = column_property(func.upper(Product.title) + "!")


class Square(Base):
    """The database computes a column."""

    __tablename__ = "zoo_square"

    id: Mapped[int] = mapped_column(primary_key=True)
    side: Mapped[int]
    area: Mapped[int] = mapped_column(Computed("side * side", persisted=True))


class Vehicle(Base):
    """A hierarchy of classes, in joined tables."""

    __tablename__ = "zoo_vehicle"

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(20))
    name: Mapped[str] = mapped_column(String(20))

    __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "vehicle"}  # noqa: RUF012


class Truck(Vehicle):
    __tablename__ = "zoo_truck"

    id: Mapped[int] = mapped_column(ForeignKey(Vehicle.id), primary_key=True)
    load: Mapped[int] = mapped_column(default=0)

    __mapper_args__ = {"polymorphic_identity": "truck"}  # noqa: RUF012
