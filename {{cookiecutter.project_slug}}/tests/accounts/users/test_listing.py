"""`GET /users`: what it finds, in which order, and who may call it."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from itertools import product
from random import Random
from typing import Any
from uuid import UUID, uuid4

import pytest
from httpx import AsyncClient, Response
from sqlalchemy import event, insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import Group, Permission, User, fold, user_groups
from app.core.db import Database
from app.core.db.queries import pagination
from tests.conftest import PASSWORD_HASH, Login

Ask = Callable[..., Awaitable[Response]]
Names = Callable[..., Awaitable[list[str]]]

JOINED = datetime(2024, 1, 1, tzinfo=UTC)
SORTS = ("username", "email", "full_name", "date_joined", "last_login")


def person(username: str, **fields: Any) -> User:
    fields = {"email": f"{username}@example.com", "hashed_password": PASSWORD_HASH, "date_joined": JOINED} | fields
    return User(username=username, **fields)


async def add(db: AsyncSession, *people: User) -> None:
    db.add_all(people)
    await db.commit()


async def join(db: AsyncSession, group: Group, *people: User) -> None:
    db.add(group)
    await db.flush()
    await db.execute(insert(user_groups), [{"user_id": user.id, "group_id": group.id} for user in people])
    await db.commit()


@pytest.fixture
async def ask(client: AsyncClient, admin: User, login: Login) -> Ask:
    """Get a page of users as the superuser `root`."""
    headers = await login(admin)

    async def ask(**params: Any) -> Response:
        return await client.get("/users", params=params, headers=headers)

    return ask


@pytest.fixture
def names(ask: Ask) -> Names:
    """Return the usernames on a page, without the caller's."""

    async def names(**params: Any) -> list[str]:
        answer = await ask(**params)
        assert answer.status_code == 200, answer.text
        return [user["username"] for user in answer.json()["items"] if user["username"] != "root"]

    return names


async def test_a_page_tells_of_users_what_one_user_tells(
    db: AsyncSession, ask: Ask, user: User, client: AsyncClient, admin: User, login: Login
) -> None:
    may_view = list(await db.scalars(select(Permission).where(Permission.name == "accounts.view_user")))
    await join(db, Group(name="editors", permissions=may_view), user)

    page = (await ask(search="alice")).json()

    alone = (await client.get(f"/users/{user.id}", headers=await login(admin))).json()
    assert (alone["groups"], alone["permissions"]) == (["editors"], ["accounts.view_user"])
    assert page == {"items": [alone], "total": 1, "total_is_capped": False, "limit": 50, "offset": 0}


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("", ["ada", "bob", "eve"]),
        ("ad", ["ada"]),
        ("ADA", ["ada"]),
        ("da", []),
        ("ada@", ["ada"]),
        ("ada@EXAMPLE.com", ["ada"]),
        ("ada@example.org", []),
        ("b", ["bob", "eve"]),  # eve by the address
        ("straße", ["ada"]),
        ("STRASSE", ["ada"]),
        ("Stras", ["ada"]),
        ("éc", ["bob"]),
        ("ÉC", ["bob"]),
        ("ec", []),
        ("ılk", ["eve"]),  # the Turkish letter without a dot is not an i
        ("ilk", []),
        ("%", []),
        ("_", []),
        ("a%", []),
        ("a_a", []),
        ("'; --", []),
        ("\\", []),
        ("\U0001f600", []),
        ("\U0010ffff", []),
    ],
)
async def test_a_search_finds_what_begins_so_in_any_case(
    db: AsyncSession, names: Names, search: str, found: list[str]
) -> None:
    ada = person("ada", full_name="Straßer")
    bob = person("Bob", full_name="École")
    eve = person("eve", email="builder@example.com", full_name="ILK".replace("I", "ı"))
    await add(db, ada, bob, eve)

    assert [name.lower() for name in await names(search=search)] == found


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("ann", ["Ann", "anna", "anton"]),
        ("anna", ["Ann", "anna"]),  # by the address, by the username
        ("ann@", ["anna"]),
        ("anna@e", ["Ann"]),
        ("ANTON@", ["anton"]),
        ("ann.", ["anton"]),
        ("an@", []),
    ],
)
async def test_an_address_is_found_whatever_it_has_of_a_username(
    db: AsyncSession, names: Names, search: str, found: list[str]
) -> None:
    await add(db, person("Ann", email="anna@example.com"), person("anna", email="Ann@example.com"))
    await add(db, person("anton", full_name="Ann. Anton"))

    assert await names(search=search) == found


@pytest.mark.parametrize(
    "full_name",
    ["%", "_", "a_a", "100 %", "\\", "'", '"', "😀", "😀😀", "\U0010ffff", "\U0010ffff\U0010ffffz", "\ud7ff"],
)
async def test_no_character_has_a_meaning_of_its_own(db: AsyncSession, names: Names, full_name: str) -> None:
    await add(db, person("this", full_name=f"{full_name} and more"), person("other", full_name=f"a{full_name}"))

    assert await names(search=full_name) == ["this"]


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({"disabled": True}, ["d", "ds"]),
        ({"disabled": False}, ["n", "s"]),
        ({"is_staff": True}, ["ds", "s"]),
        ({"is_staff": True, "disabled": False}, ["s"]),
        ({"is_superuser": False}, ["d", "ds", "n", "s"]),
        ({"is_superuser": True}, []),
        ({"disabled": True, "search": "DS"}, ["ds"]),
        ({"disabled": False, "search": "DS"}, []),
    ],
)
async def test_filters_narrow_down(db: AsyncSession, names: Names, filters: dict[str, Any], found: list[str]) -> None:
    await add(db, person("n"), person("d", disabled=True), person("s", is_staff=True))
    await add(db, person("ds", disabled=True, is_staff=True))

    assert await names(**filters) == found


async def test_a_group_lists_its_members(db: AsyncSession, names: Names) -> None:
    people = [person("a"), person("b", disabled=True), person("c")]
    await add(db, *people)
    editors, readers = Group(name="editors"), Group(name="readers")
    await join(db, readers, *people)
    await join(db, editors, *people[:2])

    assert await names(group=editors.id) == ["a", "b"]
    assert await names(group=editors.id, disabled=False) == ["a"]
    assert await names(group=readers.id, search="c") == ["c"]
    assert await names(group=uuid4()) == []


@pytest.mark.parametrize(
    ("sort", "found"),
    [
        ("username", ["A", "b", "C"]),
        ("-username", ["C", "b", "A"]),
        ("email", ["C", "b", "A"]),
        ("-email", ["A", "b", "C"]),
        ("full_name", ["C", "A", "b"]),
        ("-full_name", ["b", "A", "C"]),
        ("date_joined", ["b", "A", "C"]),
        ("-date_joined", ["C", "A", "b"]),
        ("last_login", ["C", "b", "A"]),
        ("-last_login", ["A", "b", "C"]),
        (None, ["A", "b", "C"]),
    ],
)
async def test_users_are_sorted_regardless_of_case_and_never_logged_in_comes_first(
    db: AsyncSession, names: Names, sort: str | None, found: list[str]
) -> None:
    a = person("A", email="z@example.com", full_name="m", date_joined=JOINED + timedelta(1), last_login=JOINED)
    b = person("b", email="Y@example.com", full_name="É", last_login=JOINED - timedelta(1))
    c = person("C", email="x@example.com", date_joined=JOINED + timedelta(2))
    await add(db, a, b, c)

    page = await names(**({"sort": sort} if sort else {}))

    assert page == found


@pytest.mark.parametrize("sort", [*SORTS, *(f"-{sort}" for sort in SORTS)])
async def test_pages_together_are_the_whole_list(db: AsyncSession, ask: Ask, admin: User, sort: str) -> None:
    await add(db, *(person(f"{number}", full_name="Same") for number in range(10)))

    pages = [(await ask(sort=sort, limit=3, offset=offset)).json() for offset in range(0, 12, 3)]

    ids = [user["id"] for page in pages for user in page["items"]]
    assert len(ids) == len(set(ids)) == 11
    assert {(page["total"], page["limit"]) for page in pages} == {(11, 3)}
    if not sort.endswith(("username", "email")):
        same = [user_id for user_id in ids if user_id != str(admin.id)]
        assert same == sorted(same, reverse=sort.startswith("-"))


async def test_beyond_the_end_there_is_an_empty_page(ask: Ask) -> None:
    page = (await ask(offset=10_000)).json()

    assert page == {"items": [], "total": 1, "total_is_capped": False, "limit": 50, "offset": 10_000}


@pytest.fixture
def low_cap(monkeypatch: pytest.MonkeyPatch) -> None:
    """At most four rows are counted."""
    monkeypatch.setattr(pagination, "COUNT_CAP", 4)


@pytest.mark.usefixtures("low_cap")
@pytest.mark.parametrize("params", [{}, {"search": "user"}, {"search": "name"}, {"is_staff": False}, {"group": True}])
@pytest.mark.parametrize(("present", "total", "is_capped"), [(4, 4, False), (5, 4, True), (8, 4, True)])
async def test_the_total_is_counted_no_further_than_the_cap(
    db: AsyncSession, ask: Ask, params: dict[str, Any], present: int, total: int, is_capped: bool
) -> None:
    people = [person(f"user{number}", full_name=f"Name {number}") for number in range(present - (not params))]
    await add(db, *people)
    group = Group(name="all")
    await join(db, group, *people)

    page = (await ask(**params | ({"group": group.id} if "group" in params else {}))).json()

    assert (page["total"], page["total_is_capped"]) == (total, is_capped)
    assert len(page["items"]) == (min(present, 5) if "search" in params else present)


FILTERS: list[dict[str, bool]] = [{}, {"disabled": True}, {"is_staff": True}, {"disabled": False, "is_staff": False}]


def crowd() -> list[User]:
    """Similar users, so each condition finds sometimes few and sometimes many of them."""
    chance = Random(7)  # noqa: S311 (no secret)

    def word() -> str:
        return "".join(chance.choices("ab", k=3))

    return [
        person(
            username := f"{word()}{number}",
            email=f"{username if chance.random() < 0.5 else f'{word()}{number}'}@example.com",
            full_name=word() if chance.random() < 0.5 else "",
            disabled=chance.random() < 0.5,
            is_staff=chance.random() < 0.1,
            date_joined=JOINED + timedelta(chance.randrange(5)),
            last_login=JOINED + timedelta(chance.randrange(5)) if chance.random() < 0.5 else None,
            id=UUID(int=chance.getrandbits(128)),
        )
        for number in range(60)
    ]


def expected(people: list[User], search: str, filters: dict[str, bool], sort: str) -> list[str]:
    """Return the whole expected list, computed without a database."""

    def value(user: User) -> tuple[Any, ...]:
        found = getattr(user, sort.removeprefix("-"))
        return found is not None, fold(found) if isinstance(found, str) else found or JOINED, user.id

    left = [
        user
        for user in people
        if any(fold(text).startswith(search) for text in (user.username, user.email, user.full_name))
        and all(getattr(user, name) is wanted for name, wanted in filters.items())
    ]
    return [user.username for user in sorted(left, key=value, reverse=sort.startswith("-"))]


@pytest.mark.parametrize("sort", [*SORTS, *(f"-{sort}" for sort in SORTS)])
async def test_what_is_found_is_sorted(db: AsyncSession, ask: Ask, admin: User, sort: str) -> None:
    people = crowd()
    await add(db, *people)
    await db.refresh(admin)

    every = [*product(("", "a", "ab", "bab", "aab1", people[0].email[:5]), FILTERS, (0, 2))]
    for search, wanted, offset in Random(sort).sample(every, 20):  # noqa: S311 (no secret)
        page = (await ask(search=search, sort=sort, limit=3, offset=offset, **wanted)).json()
        found = expected([*people, admin], search, wanted, sort)
        assert [user["username"] for user in page["items"]] == found[offset : offset + 3]
        assert (page["total"], page["total_is_capped"]) == (len(found), False)


@pytest.mark.usefixtures("low_cap")
@pytest.mark.parametrize("sort", ["username", "-username"])
async def test_a_search_that_finds_too_many_lists_the_first_that_each_field_finds(
    db: AsyncSession, ask: Ask, sort: str
) -> None:
    await add(db, *(person(f"a{number}", email=f"{9 - number}a@example.com") for number in range(9)))
    await add(db, *(person(f"b{number}", email=f"a{number}@example.com") for number in range(9)))

    page = (await ask(search="a", sort=sort)).json()

    first = [f"{letter}{number}" for letter in "ab" for number in range(5)]
    assert [user["username"] for user in page["items"]] == sorted(first, reverse=sort.startswith("-"))
    assert (page["total"], page["total_is_capped"]) == (4, True)


@pytest.mark.usefixtures("low_cap")
@pytest.mark.parametrize("filters", [{"is_staff": True}, {"group": True}, {"is_staff": True, "disabled": False}])
async def test_a_broad_search_among_few_users_finds_all_of_them(
    db: AsyncSession, ask: Ask, filters: dict[str, Any]
) -> None:
    people = [person(f"a{number}", is_staff=number > 5) for number in range(9)]
    await add(db, *people)
    group = Group(name="few")
    await join(db, group, *people[6:])

    page = (await ask(search="a", **filters | ({"group": group.id} if "group" in filters else {}))).json()

    assert [user["username"] for user in page["items"]] == ["a6", "a7", "a8"]
    assert (page["total"], page["total_is_capped"]) == (3, False)


@pytest.mark.usefixtures("low_cap")
async def test_a_broad_search_among_many_users_says_that_there_may_be_more(db: AsyncSession, ask: Ask) -> None:
    await add(db, *(person(f"a{number}", is_staff=number > 2) for number in range(9)))

    page = (await ask(search="a", is_staff=True)).json()

    assert [user["username"] for user in page["items"]] == ["a3", "a4"]
    assert (page["total"], page["total_is_capped"]) == (4, True)


@pytest.mark.usefixtures("low_cap")
async def test_a_user_whom_a_search_finds_in_several_fields_is_counted_once(db: AsyncSession, ask: Ask) -> None:
    await add(db, *(person(f"a{number}", full_name=f"A {number}") for number in range(4)))

    page = (await ask(search="a")).json()

    assert ([user["username"] for user in page["items"]], page["total"]) == (["a0", "a1", "a2", "a3"], 4)
    assert not page["total_is_capped"]


async def test_a_group_is_sorted_too(db: AsyncSession, names: Names) -> None:
    people = crowd()
    await add(db, *people)
    group = Group(name="all")
    await join(db, group, *people)

    for filters in FILTERS:
        for sort in ("username", "-last_login"):
            found = await names(group=group.id, sort=sort, limit=3, offset=1, **filters)
            assert found == expected(people, "", filters, sort)[1:4]
        assert await names(group=group.id, limit=3, **filters) == expected(people, "", filters, "username")[:3]


async def test_a_page_takes_as_many_queries_for_one_user_as_for_fifty(
    db: AsyncSession, database: Database, ask: Ask
) -> None:
    people = [person(f"user{number}") for number in range(50)]
    await add(db, *people)
    await join(db, Group(name="all", permissions=list(await db.scalars(select(Permission)))), *people)
    queries: list[str] = []
    event.listen(database.engine.sync_engine, "before_cursor_execute", lambda *args: queries.append(args[2]))

    counts = []
    for limit in (1, 50):
        queries.clear()
        assert len((await ask(search="user", limit=limit)).json()["items"]) == limit
        counts.append(len(queries))

    assert counts[0] == counts[1] < 10


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("limit", "0"),
        ("limit", "101"),
        ("limit", "-1"),
        ("limit", "many"),
        ("limit", "9" * 5000),
        ("limit", ""),
        ("offset", "-1"),
        ("offset", "10001"),
        ("offset", str(2**63)),
        ("offset", "1.5"),
        ("sort", "hashed_password"),
        ("sort", "--username"),
        ("sort", "Username"),
        ("sort", ""),
        ("search", "a\0b"),
        ("search", "a" * 255),
        ("disabled", "perhaps"),
        ("is_staff", ""),
        ("is_superuser", "2"),
        ("group", "editors"),
    ],
)
async def test_what_no_page_has_is_422(ask: Ask, field: str, value: str) -> None:
    answer = await ask(**{field: value})

    assert answer.status_code == 422
    assert [error["loc"] for error in answer.json()["detail"]] == [["query", field]]


async def test_bytes_that_are_no_text_find_nothing(client: AsyncClient, admin: User, login: Login) -> None:
    answer = await client.get("/users?search=%ED%A0%80", headers=await login(admin))

    assert (answer.status_code, answer.json()["items"]) == (200, [])


async def test_only_who_may_see_users_lists_them(
    db: AsyncSession, client: AsyncClient, user: User, login: Login
) -> None:
    assert (await client.get("/users", params={"limit": "many"})).status_code == 401
    headers = await login(user)
    refused = await client.get("/users", headers=headers)
    assert (refused.status_code, refused.json()) == (403, {"detail": "You lack the permission accounts.view_user"})

    may_view = list(await db.scalars(select(Permission).where(Permission.name == "accounts.view_user")))
    await join(db, Group(name="viewers", permissions=may_view), user)

    assert (await client.get("/users", headers=headers)).status_code == 200
