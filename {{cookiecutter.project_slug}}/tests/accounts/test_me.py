from httpx import AsyncClient

from app.accounts.models import User
from app.core.permissions import declared_permissions
from tests.conftest import Login


async def test_me_tells_who_is_logged_in(client: AsyncClient, admin: User, login: Login) -> None:
    answer = await client.get("/users/me", headers=await login(admin))

    assert answer.status_code == 200
    body = answer.json()
    assert body.pop("date_joined").endswith("Z")
    assert body.pop("last_login").endswith("Z")
    assert body == {
        "id": str(admin.id),
        "username": "root",
        "email": "root@example.com",
        "email_verified": False,
        "full_name": "",
        "disabled": False,
        "is_staff": True,
        "is_superuser": True,
        "groups": [],
        "permissions": sorted(declared_permissions()),
    }
