"""Rows for the zoo, with values that no form shows completely. Run it in a rendered project."""

import asyncio
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from importlib import import_module
from uuid import UUID

from app.core.db import Database
from app.settings import get_settings
from app.zoo import models as zoo
from sqlalchemy.ext.asyncio import AsyncSession

SPECIAL = "a/b;c,d?é#%25 &~"


async def seed(db: AsyncSession) -> None:
    whole = zoo.Everything(
        label="Whole ",
        maybe="",
        whole=-5,
        big=2**40,
        ratio=1e-7,
        price=Decimal("1.250"),
        cents=Decimal("12.34"),
        flag=True,
        tristate=False,
        day=date(2026, 1, 2),
        clock=time(9, 30, 15, 250),
        moment=datetime(2026, 1, 2, 3, 4, 5, 678901, UTC),
        naive=datetime(2026, 1, 2, 3, 4, 5, 6789),
        span=timedelta(days=1, seconds=2, microseconds=3),
        extra=[],
        settings={"a": [1]},
        raw=b"\x00\xff",
        token=UUID(int=1),
        color=zoo.Color.DARK_GREEN,
        native=zoo.Diet.meat,
        danger=zoo.Danger.bites,
        words=["a", "b"],
        essay="long",
        metadata_="=1+1",
        shown="s",
        data="d",
    )
    fixed = zoo.Everything(
        label="Fixed",
        big=2**40,
        cents=Decimal("12.34"),
        flag=True,
        day=date(2026, 1, 2),
        clock=time(9, 30, 15),
        moment=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        naive=datetime(2026, 1, 2),
        color=zoo.Color.DARK_GREEN,
        danger=zoo.Danger.bites,
    )
    country = zoo.Country(code=SPECIAL, name="Odd")
    root = zoo.Node(title="root", children=[zoo.Node(title="child")])
    team = zoo.Team(title="Team")
    product = zoo.Product(title="Product", countries=[country])
    db.add(whole)
    await db.flush()  # the first
    db.add_all([fixed, country, zoo.Country(code="", name="Nowhere"), root, team, product])
    await db.flush()
    team.captain = zoo.Member(team=team)
    db.add_all(
        [
            zoo.Animal(name=" Leo ", size="large", notes={"a": 1}),
            zoo.Ticket(country=country, day=date(2026, 1, 1), number=1),
            zoo.Stamp(),
            zoo.Moment(at=datetime(2026, 1, 1, tzinfo=UTC), kind=zoo.Diet.meat),
            zoo.Review(product_id=product.id, text="good"),
            zoo.Square(side=3),
            zoo.Vehicle(name="bike"),
            zoo.Truck(name="truck", load=3),
        ]
    )


def seed_aviary(db: AsyncSession) -> None:
    aviary = import_module("app.aviary.models")
    bird = aviary.Bird(
        name="Polly",
        facts={"b": None, "a": ["é"]},
        tags=["a,b", "c"],
        sizes=[1, 2],
        friends=[UUID(int=2)],
        grid=[["x"]],
        names=["p"],
        address="192.0.2.7",
        network="192.0.2.0/24",
        card="08:00:2b:01:02:03",
        folded="P",
        weight=0.1,
        nest=aviary.Nest(place="tree"),
    )
    db.add_all([bird, aviary.Bird(name="Bare")])


async def main() -> None:
    database = Database(get_settings().database_url)
    async with database.session() as db:
        await seed(db)
        if not database.is_sqlite:
            seed_aviary(db)
        await db.commit()
    await database.dispose()


asyncio.run(main())
