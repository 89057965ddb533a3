from httpx import AsyncClient

from app.accounts.models import User
from tests.conftest import Login


async def test_the_protected_route_greets_who_is_logged_in(client: AsyncClient, user: User, login: Login) -> None:
    answer = await client.get("/protected", headers=await login(user))

    assert (answer.status_code, answer.json()) == (200, {"message": "Hello, authenticated user!"})


async def test_the_protected_route_needs_a_token(client: AsyncClient) -> None:
    answer = await client.get("/protected")

    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert answer.json() == {"detail": "Not authenticated"}
