from app.accounts.checks import hashes_are_costly
from app.core.database import Database
from app.settings import Settings


async def test_cheap_hashes_are_named(settings: Settings, database: Database) -> None:
    assert [problem.id async for problem in hashes_are_costly(settings, database)] == ["accounts.W001"]


async def test_costly_hashes_are_not(settings: Settings, database: Database) -> None:
    costly = settings.model_copy(update={"bcrypt_rounds": 12})

    assert [problem async for problem in hashes_are_costly(costly, database)] == []
