"""Keys change while their tokens are in use. Another service has only the public keys."""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from tests.kit.servers import UVICORN, Server, free_port, server
from tests.kit.services import Service, bearer, connect, log_in, refresh, serve

KEY_FILE = "private.pem"

Tokens = dict[str, str]


def new_pem() -> str:
    return Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def sign_with_secret(_: Path) -> str:
    return ""


def sign_with_key_in_file(project: Path) -> str:
    (project / KEY_FILE).write_text(new_pem(), encoding="utf-8")
    return f"JWT_ALGORITHM=EdDSA\nJWT_PRIVATE_KEY={KEY_FILE}\n"


def sign_with_key_in_env(_: Path) -> str:
    return "JWT_ALGORITHM=EdDSA\nJWT_PRIVATE_KEY={}\n".format(new_pem().strip().replace("\n", "\\n"))


@pytest.fixture(params=[sign_with_secret, sign_with_key_in_file, sign_with_key_in_env], ids=lambda sign: sign.__name__)
def rotatable(request: pytest.FixtureRequest, copy: Service, prepared: Service) -> Service:
    """A project whose keys the test changes. It can share its database with others: keys are not in it."""
    with (copy.project / ".env").open("a", encoding="utf-8") as env:
        env.write(request.param(copy.project))
    return copy.with_env(**prepared.env)


def withdraw_fallbacks(service: Service) -> None:
    env = service.project / ".env"
    lines = env.read_text(encoding="utf-8").splitlines(keepends=True)
    kept = [line for line in lines if "_FALLBACKS=" not in line]
    assert len(kept) < len(lines)
    env.write_text("".join(kept), encoding="utf-8")


def statuses(client: httpx.Client, tokens: Tokens) -> list[int]:
    """Return the answers of both kinds of routes: those that trust the token, and those that also read the database."""
    headers = bearer(tokens["access_token"])
    return [client.get(path, headers=headers).status_code for path in ("/protected", "/users/me")]


def test_tokens_outlive_the_key_that_signed_them_as_long_as_it_is_a_fallback(rotatable: Service) -> None:
    with serve(rotatable) as served, connect(served) as client:
        old, other = (log_in(client).raise_for_status().json() for _ in range(2))

    rotatable.manage("rotatekey")
    with serve(rotatable) as served, connect(served) as client:
        assert statuses(client, old) == [200, 200]
        new = refresh(client, old["refresh_token"]).raise_for_status().json()
        assert statuses(client, new) == [200, 200]

    withdraw_fallbacks(rotatable)
    with serve(rotatable) as served, connect(served) as client:
        assert statuses(client, other) == [401, 401]
        assert statuses(client, new) == [200, 200]
        renewed = refresh(client, other["refresh_token"]).raise_for_status().json()  # these do not depend on keys
        assert statuses(client, renewed) == [200, 200]


# `cooldown_duration`: else PyJWKClient asks for a key that it does not know only 30 s after it has asked last.
OTHER_SERVICE = """
import os
from typing import Annotated

import jwt
from fastapi import FastAPI, Header, HTTPException

keys = jwt.PyJWKClient(os.environ["JWKS_URL"], cooldown_duration=0)
app = FastAPI()


@app.get("/health/live")
def live() -> None: ...


@app.get("/subject")
def subject(authorization: Annotated[str, Header()]) -> str:
    token = authorization.removeprefix("Bearer ")
    try:
        key = keys.get_signing_key_from_jwt(token)
        return jwt.decode(token, key, algorithms=["EdDSA"], audience="my-service", issuer="my-service")["sub"]
    except jwt.PyJWTError as error:
        raise HTTPException(401, repr(error)) from None
"""


def serve_another(folder: Path, python: Path, jwks_url: str) -> AbstractContextManager[Server]:
    (folder / "other.py").write_text(OTHER_SERVICE, encoding="utf-8")
    command = [part.replace("app.main:app", "other:app") for part in UVICORN]
    return server(folder, python, {"JWKS_URL": jwks_url}, command)


def subject(other: httpx.Client, token: str) -> str | None:
    """Return the user that the other service sees in the token, or None if it refuses the token."""
    answer = other.get("/subject", headers=bearer(token))
    assert answer.status_code in (200, 401), answer.text
    return str(answer.json()) if answer.is_success else None


def claims_of(token: str) -> dict[str, Any]:
    return jwt.decode(token, options={"verify_signature": False})


def forge(token: str, pem: str, **claims: str) -> str:
    """Return the token with these claims, signed with this key."""
    key = load_pem_private_key(pem.encode(), None)
    assert isinstance(key, Ed25519PrivateKey)
    return jwt.encode(claims_of(token) | claims, key, "EdDSA", headers=jwt.get_unverified_header(token))


@pytest.mark.parametrize("rotatable", [sign_with_key_in_file], indirect=True)
def test_another_service_needs_nothing_but_the_published_keys(rotatable: Service, tmp_path: Path) -> None:
    port = free_port()
    jwks_url = f"http://127.0.0.1:{port}/.well-known/jwks.json"
    with serve_another(tmp_path, rotatable.python, jwks_url) as running, connect(running) as other:
        with serve(rotatable, port) as served, connect(served) as client:
            old = log_in(client).raise_for_status().json()["access_token"]
            assert subject(other, old) == claims_of(old)["sub"]
            assert_tells_forged_from_ours(other, old, (rotatable.project / KEY_FILE).read_text(encoding="utf-8"))

        rotatable.manage("rotatekey")
        with serve(rotatable, port) as served, connect(served) as client:
            new = log_in(client).raise_for_status().json()["access_token"]
            assert jwt.get_unverified_header(new)["kid"] != jwt.get_unverified_header(old)["kid"]
            assert [subject(other, token) for token in (new, old)] == [claims_of(old)["sub"]] * 2


def assert_tells_forged_from_ours(other: httpx.Client, token: str, pem: str) -> None:
    assert subject(other, forge(token, pem)) == claims_of(token)["sub"]
    assert subject(other, forge(token, pem, aud="another")) is None
    assert subject(other, forge(token, new_pem())) is None
