"""A client that knows only OAuth 2.0, and nothing about this project: Authlib's."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
from authlib.integrations.base_client import OAuthError  # type: ignore[import-untyped]
from authlib.integrations.httpx_client import OAuth2Client  # type: ignore[import-untyped]

from tests.kit.servers import Server
from tests.kit.services import Service, create_superuser

USERNAME = "grace"
PASSWORD = "correct horse 9"  # ASCII: of a public client Authlib sends no other with httpx

Tokens = dict[str, Any]


@pytest.fixture(scope="module", autouse=True)
def user(service: Service) -> None:
    create_superuser(service, USERNAME, PASSWORD)


@pytest.fixture
def oauth2(served: Server) -> Iterator[Any]:
    options = {"base_url": served.url, "trust_env": False, "timeout": 60}
    with OAuth2Client(token_endpoint="/token", **options) as oauth2:
        yield oauth2


def log_in(oauth2: Any, username: str = USERNAME, password: str = PASSWORD) -> Tokens:
    return dict(oauth2.fetch_token(username=username, password=password))


def expire(oauth2: Any) -> None:
    """Let the client believe that its access token has expired."""
    oauth2.token["expires_at"] = int(time.time()) - 1


def error_of(error: pytest.ExceptionInfo[Any]) -> str:
    return str(error.value.error)


def test_it_logs_in_by_password(oauth2: Any) -> None:
    before = time.time()
    tokens = log_in(oauth2)
    assert int(before) + 30 * 60 <= tokens["expires_at"] <= time.time() + 30 * 60
    assert oauth2.get("/users/me").raise_for_status().json()["username"] == USERNAME


def test_it_refreshes_by_itself(oauth2: Any) -> None:
    first, heard = log_in(oauth2), []
    oauth2.update_token = lambda token, refresh_token: heard.append((dict(token), refresh_token))
    expire(oauth2)
    assert oauth2.get("/users/me").status_code == 200
    [(second, used)] = heard
    assert used == first["refresh_token"]
    assert second["access_token"] != first["access_token"]
    assert second["refresh_token"] != first["refresh_token"]

    expire(oauth2)
    assert oauth2.get("/users/me").status_code == 200
    assert oauth2.get("/users/me").status_code == 200
    assert len(heard) == 2


def test_it_understands_that_a_login_failed(oauth2: Any) -> None:
    with pytest.raises(OAuthError) as error:
        log_in(oauth2, password="wrong")
    assert error_of(error) == "invalid_grant"
    assert oauth2.token is None


def test_it_understands_that_logins_are_throttled(oauth2: Any) -> None:
    for _ in range(7):
        with pytest.raises(OAuthError) as error:
            log_in(oauth2, username="nobody")
        assert error_of(error) == "invalid_grant"


def test_it_understands_that_a_refresh_token_was_used(oauth2: Any) -> None:
    used = log_in(oauth2)["refresh_token"]
    oauth2.refresh_token("/token")
    with pytest.raises(OAuthError) as error:
        oauth2.refresh_token("/token", refresh_token=used)
    assert error_of(error) == "invalid_grant"

    expire(oauth2)
    with pytest.raises(OAuthError) as error:
        oauth2.get("/users/me")
    assert error_of(error) == "invalid_grant"


@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
def test_it_revokes(oauth2: Any, kind: str) -> None:
    tokens = log_in(oauth2)
    answer = oauth2.revoke_token("/token/revoke", token=tokens[kind], token_type_hint=kind)
    assert answer.status_code == 200
    assert oauth2.get("/users/me").status_code == 401
    with pytest.raises(OAuthError) as error:
        oauth2.refresh_token("/token")
    assert error_of(error) == "invalid_grant"
