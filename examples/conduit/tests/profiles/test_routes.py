import pytest
from httpx import AsyncClient
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import User
from tests.accounts.factories import UserFactory
from tests.conftest import Login


@pytest.fixture
async def celeb(db: AsyncSession) -> User:
    celeb = UserFactory.build(username="Celeb", bio="I am known.")
    db.add(celeb)
    await db.commit()
    return celeb


async def test_a_user_follows_and_unfollows(client: AsyncClient, celeb: User, user: User, login: Login) -> None:
    headers = await login(user)
    path = "/api/profiles/celeb"

    for _ in range(2):
        followed = await client.post(f"{path}/follow", headers=headers)
        assert followed.json()["profile"]["following"] is True
    seen = [(await client.get(path, headers=each)).json()["profile"] for each in (headers, {})]
    for _ in range(2):
        unfollowed = await client.delete(f"{path}/follow", headers=headers)
        assert unfollowed.json()["profile"]["following"] is False

    profile = {"username": "Celeb", "bio": "I am known.", "image": None}
    assert seen == [profile | {"following": True}, profile | {"following": False}]
    assert (await client.get(path, headers=headers)).json()["profile"] == profile | {"following": False}


async def test_who_is_not_there_is_404(client: AsyncClient, db: AsyncSession, celeb: User, user: User) -> None:
    celeb.disabled = True
    await db.commit()

    for name in ("celeb", "nobody", user.email):
        assert (await client.get(f"/api/profiles/{name}")).status_code == 404


async def test_only_a_user_follows(client: AsyncClient, celeb: User) -> None:
    assert (await client.post("/api/profiles/celeb/follow")).status_code == 401
