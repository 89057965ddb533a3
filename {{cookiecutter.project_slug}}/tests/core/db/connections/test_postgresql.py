import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, suppress

import pytest
from sqlalchemy import URL, func, literal_column, select, text
from sqlalchemy.exc import DBAPIError

from app.core.db.connections.engine import Database
from app.core.db.errors import DatabaseUnavailable, is_away
from app.core.settings import libpq_parameters
from app.core.settings.postgresql import parse_address
from tests.databases import SERVER, needs_postgresql

Open = Callable[..., Database]


@pytest.fixture
async def open_database(database: Database) -> AsyncIterator[Open]:
    async with AsyncExitStack() as stack:

        def open_database(
            url: URL | None = None, timeout: float = 5, statement_timeout: float | None = None
        ) -> Database:
            opened = Database(url or database.engine.url, timeout=timeout, statement_timeout=statement_timeout)
            stack.push_async_callback(opened.dispose)
            return opened

        yield open_database


@pytest.mark.parametrize(
    ("address", "parameters"),
    [
        ("postgresql:///n", {"dbname": "n"}),
        ("postgresql://u:p%40s%20s@h:5/n", {"user": "u", "password": "p@s s", "host": "h", "port": "5", "dbname": "n"}),
        ("postgresql://[::1]:5/n", {"host": "::1", "port": "5", "dbname": "n"}),
        ("postgresql://u@%2Frun%2Fpg/n", {"user": "u", "host": "/run/pg", "dbname": "n"}),
        ("postgresql:///n?host=/run/pg&user=u", {"user": "u", "host": "/run/pg", "dbname": "n"}),
        ("postgresql://a,b:5/?gssencmode=disable", {"host": "a,b", "port": ",5", "gssencmode": "disable"}),
        ("postgresql://h/n?options=-c%20a%3Db", {"host": "h", "dbname": "n", "options": "-c a=b"}),
        ("postgresql://h/n?ssl=true", {"host": "h", "dbname": "n", "sslmode": "require"}),
        (
            "postgresql://h?sslmode=verify-full&sslrootcert=/a.pem&channel_binding=require",
            {"host": "h", "sslmode": "verify-full", "sslrootcert": "/a.pem", "channel_binding": "require"},
        ),
        ("postgresql://h/n?pgbouncer=true&connect_timeout=9", {"host": "h", "dbname": "n", "connect_timeout": "9"}),
        ("postgresql://h/n?statement_cache_size=0&prepared_statement_cache_size=0", {"host": "h", "dbname": "n"}),
    ],
)  # fmt: skip
def test_an_address_is_read_as_libpq_reads_it(address: str, parameters: dict[str, str]) -> None:
    url = parse_address(address)

    assert {name: str(value) for name, value in libpq_parameters(url).items()} == parameters


@pytest.mark.parametrize(
    ("address", "fault"),
    [
        ("postgresql://h/n?sslmode=require&schema=public", "the parameter schema,"),
        ("postgresql://h/n?pgbouncer=false", "the parameter pgbouncer,"),
        ("postgresql://h/n?statement_cache_size=100", "the parameter statement_cache_size,"),
        ("postgresql://h/n?connection_limit=1", "the parameter connection_limit,"),
        ("postgresql://h/n?ssl=require", "the parameter ssl,"),
        ("postgresql://u:hush@hush@h/n", "write it as %40"),
        ("postgresql://u:hush@hush/hush#hush@h:5432/n", "write it as %40 or %2F"),
        ("postgresql://u:123/hush@h:5432/n", "write it as %40 or %2F"),
        ("postgresql://u:hush/hush@hush@h/n", "write it as %40 or %2F"),
        ("postgresql://u:hu?sh=hush@h/n", "write it as %3F"),
        ("postgresql://u:p@hush?hush=hush@h/n", "write it as %3F"),
        ("postgresql://u:p@hush?hush@h/n", "not an address"),
        ("postgresql://u:hu sh@h/n", "not an address"),
        ("postgresql://h:hush/n", "a port that is not a number"),
        ("postgresql://h/n%00", "not an address"),
    ],
)
def test_what_libpq_does_not_know_is_refused_by_name(address: str, fault: str) -> None:
    with pytest.raises(ValueError, match=fault) as refused:
        parse_address(address)

    assert "hush" not in str(refused.value)


@needs_postgresql
@pytest.mark.parametrize(
    ("query", "asked", "answer"),
    [
        ("sslmode=disable", "SELECT 1", 1),
        ("sslmode=prefer&channel_binding=prefer", "SELECT 1", 1),
        ("connect_timeout=10&keepalives=1&keepalives_idle=7&tcp_user_timeout=9000", "SELECT 1", 1),
        ("application_name=web%201", "SELECT current_setting('application_name')", "web 1"),
        ("options=-csearch_path%3Dpublic%20-c%20work_mem%3D5MB", "SELECT current_setting('work_mem')", "5MB"),
        ("sslmode=disable&sslrootcert=/etc/ssl/certs/ca-certificates.crt", "SELECT 1", 1),
        ("target_session_attrs=read-write", "SELECT 1", 1),
        ("pgbouncer=true", "SELECT 1", 1),
        ("statement_cache_size=0", "SELECT 1", 1),
    ],
)
async def test_parameters_reach_the_server(open_database: Open, query: str, asked: str, answer: object) -> None:
    assert SERVER is not None
    given = parse_address(f"{SERVER.set(drivername='postgresql', query={}).render_as_string(False)}?{query}")

    database = open_database(given.update_query_dict(dict(SERVER.query)))

    row = await database.fetch_one(select(literal_column(f"({asked})").label("answer")), {})
    assert row
    assert row["answer"] == answer


@needs_postgresql
async def test_the_next_host_is_tried(open_database: Open, database: Database) -> None:
    url = database.engine.url
    several = url.set(host=None, port=None).update_query_dict(
        {"host": f"127.0.0.1,{url.host}", "port": f"1,{url.port or 5432}"}
    )

    row = await open_database(several).fetch_one(select(literal_column("1").label("one")), {})
    assert row
    assert row["one"] == 1


async def test_a_server_that_accepts_and_says_nothing_is_unavailable_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        database = Database(parse_address(f"postgresql://u@127.0.0.1:{silent.getsockname()[1]}/n"), timeout=0.2)

        with pytest.raises(DatabaseUnavailable, match=r"no answer within 0\.2 s"):
            await database.fetch_one(select(literal_column("1")), {})
    await database.dispose()


@needs_postgresql
async def test_a_statement_that_takes_too_long_is_ended_on_the_server_too(open_database: Open) -> None:
    hasty, patient = open_database(statement_timeout=0.2), open_database()

    with pytest.raises(DBAPIError, match=r"no answer within 0\.2 s") as ended:
        await hasty.fetch_one(select(func.pg_sleep(60)), {})

    assert is_away(ended.value)
    asleep = text("SELECT 1 FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep(%' AND state = 'active'")
    async with patient.session() as session:
        while (await session.execute(asleep)).all():
            await session.rollback()  # PostgreSQL shows one transaction the same activity each time


@needs_postgresql
async def test_a_lock_that_is_not_given_ends_a_transaction_as_well(open_database: Open) -> None:
    holder, waiter = open_database(), open_database(statement_timeout=0.2)
    lock = text("SELECT pg_advisory_xact_lock(77)")

    async with holder.session() as holding:
        await holding.execute(lock)
        async with waiter.session() as session:
            with pytest.raises(DBAPIError) as ended:
                await session.execute(lock)
            assert is_away(ended.value)
    async with waiter.session() as session:
        await session.execute(lock)


@needs_postgresql
async def test_a_stream_has_deadlines_too(open_database: Open) -> None:
    slow = text("SELECT pg_sleep(CASE WHEN n > 1000 THEN 60 ELSE 0 END) FROM generate_series(1, 2000) AS n")

    async with open_database(statement_timeout=0.5).session() as session:
        rows = await session.stream(slow)
        with pytest.raises(DBAPIError, match="no answer"):
            async for _ in rows:
                pass
        with suppress(DBAPIError):
            await rows.close()


@needs_postgresql
async def test_without_a_deadline_a_statement_may_take_long(open_database: Open) -> None:
    async with open_database(timeout=0.2).session() as session:
        assert (await session.execute(select(func.pg_sleep(0.5), literal_column("1")))).one()[1] == 1


@needs_postgresql
async def test_a_server_that_takes_no_changes_is_left(open_database: Open) -> None:
    database = open_database()
    pid = select(func.pg_backend_pid())
    read_by = await database.fetch_one(pid, {})

    async with database.session() as session:
        written_by = await session.scalar(pid)
        await session.execute(text("SET TRANSACTION READ ONLY"))
        with pytest.raises(DBAPIError) as refused:
            await session.execute(text("CREATE TABLE never ()"))

    assert is_away(refused.value)
    async with database.session() as session:
        assert await session.scalar(pid) != written_by
    assert await database.fetch_one(pid, {}) != read_by
