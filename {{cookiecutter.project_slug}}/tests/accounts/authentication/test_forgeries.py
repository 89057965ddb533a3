"""Every classic way to forge an access token, on every route that takes one, under each algorithm.

The routes come from the application, so new routes are attacked too. Routes with an optional token are included.
"""

import base64
import hashlib
import hmac
import json
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol
from uuid import uuid4

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from fastapi import APIRouter, Depends, FastAPI, WebSocket
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import AccessToken, OptionalUser
from app.accounts.authentication import sessions
from app.accounts.authentication.sessions import Device
from app.accounts.authentication.tokens.keys import new_private_key, private_pem, public_pem, to_jwk
from app.accounts.authentication.tokens.signing import COMMON_CLAIMS, TokenPolicy
from app.accounts.models import User
from app.core.web import admits, public
from app.core.web.openapi import DETAIL
from app.settings import Settings
from tests import websockets
from tests.accounts.authentication.access import Access, access_of
from tests.conftest import Client, bearer
from tests.websockets import REFUSED

INVALID, MISSING = 'Bearer error="invalid_token"', "Bearer"
PARAMETER = re.compile(r"\{[^}]*\}")
PRIVATE_KEYS = {algorithm: new_private_key(algorithm) for algorithm in ("EdDSA", "RS256")}


class Forge(Protocol):
    def __call__(self, key: Any = ..., algorithm: str = ..., headers: dict[str, Any] = ..., **claims: Any) -> str:
        """Return a right token with the changes in the arguments. A claim that is None is left out."""


@dataclass(frozen=True)
class Target:
    client: Client
    policy: TokenPolicy
    routes: list[str]
    forge: Forge

    async def refuses(self, token: str) -> None:
        for route in self.routes:
            assert await refused(self.client, route, bearer(token)) == INVALID, route


@pytest.fixture(scope="module")
async def applications(anyio_backend: str, settings: Settings) -> AsyncIterator[dict[str, FastAPI]]:
    """One for each algorithm, with a route that trusts the signature alone. They keep nothing of the tests."""
    from app.main import create_app

    router = APIRouter()
    router.add_api_route("/signed", signed)
    made = {}
    async with AsyncExitStack() as stack:
        for algorithm in ("HS256", *PRIVATE_KEYS):
            key = PRIVATE_KEYS.get(algorithm)
            pem = SecretStr(private_pem(key)) if key else None
            app = create_app(settings.model_copy(update={"jwt_algorithm": algorithm, "jwt_private_key": pem}))
            app.state.error_format = DETAIL
            app.include_router(router)
            await stack.enter_async_context(app.router.lifespan_context(app))
            made[algorithm] = app
        yield made


async def signed(token: AccessToken) -> None: ...


@pytest.fixture(params=["HS256", "EdDSA", "RS256"])
async def target(
    request: pytest.FixtureRequest, applications: dict[str, FastAPI], db: AsyncSession, user: User
) -> Target:
    client = Client(applications[request.param])
    policy: TokenPolicy = client.app.state.token_policy
    now = datetime.now(UTC)
    session = await sessions.start(db, user.id, Device("", None), now, lifetime=policy.lifetime)
    await db.commit()

    def forge(
        key: Any = policy.keys.signing_key,
        algorithm: str = policy.keys.algorithm,
        headers: dict[str, Any] | None = None,
        **claims: Any,
    ) -> str:
        right = {
            "iss": policy.issuer,
            "aud": policy.audience,
            "sub": str(user.id),
            "iat": int(now.timestamp()),
            "exp": int(now.timestamp()) + 60,
            "jti": "1",
            "sid": str(session.session_id),
        }
        kept = {name: value for name, value in (right | claims).items() if value is not None}
        kid = {"kid": policy.keys.key_id} if policy.keys.key_id else {}
        return jwt.encode(kept, key, algorithm, headers={"typ": "at+jwt"} | kid | (headers or {}))

    return Target(client, policy, attacked(access_of(client.app)), forge)


def attacked(access: Access) -> list[str]:
    return access.protected + access.optional


async def refused(client: Client, route: str, headers: dict[str, str]) -> str | None:
    """Call the route. Return the challenge of its refusal, or None."""
    method, path = PARAMETER.sub(str(uuid4()), route).split()
    if method == "WS":
        challenge = INVALID if headers else MISSING  # a WebSocket has none
        return challenge if await websockets.call(client.app, path, headers) == [REFUSED] else None
    answer = await client.request(method, path, headers=headers)
    return answer.headers["WWW-Authenticate"] if answer.status_code == 401 else None


async def test_every_route_says_who_may_call_it(application: FastAPI) -> None:
    access = access_of(application)

    assert not access.unsaid, access.message
    assert "GET /users/me" in access.protected
    assert "POST /users" in access.optional
    assert "POST /token" in access.public


async def test_every_protected_route_refuses_a_stranger(client: Client, application: FastAPI) -> None:
    for route in access_of(application).protected:
        assert await refused(client, route, {}) == MISSING, route


async def test_no_other_route_asks_for_a_token(client: Client, application: FastAPI) -> None:
    """Only a 401 fails: the right answer depends on the route."""
    access = access_of(application)
    for route in access.optional + [route for route in access.public if not route.startswith("WS")]:
        assert await refused(client, route, {}) is None, route


async def test_a_route_that_says_nothing_is_named_in_one_message() -> None:
    app = FastAPI(openapi_url=None)
    guard = admits("a partner")(Guard())
    router = APIRouter()
    router.add_api_route("/silent", silent)
    router.add_api_route("/both", public(both))
    router.add_api_route("/partner", silent, dependencies=[Depends(guard)])
    router.add_api_websocket_route("/live", live)
    app.include_router(router, prefix="/inner")

    access = access_of(app)

    unsaid = ["GET /inner/silent", "GET /inner/both", "WS /inner/live"]
    assert access == Access(others=["GET /inner/partner"], unsaid=unsaid)
    assert "    GET /inner/silent\n    GET /inner/both\n    WS /inner/live\n" in access.message
    assert "write `@public`" in access.message


class Guard:
    async def __call__(self) -> None: ...


async def silent() -> None: ...


async def both(user: OptionalUser) -> None: ...


async def live(websocket: WebSocket) -> None: ...


@pytest.mark.parametrize("path", ["/signed", "/users/me"])
async def test_the_forgery_itself_is_right(target: Target, path: str) -> None:
    assert (await target.client.get(path, headers=bearer(target.forge()))).status_code == 200


@pytest.mark.parametrize("none", ["none", "None", "NONE", "nOnE", ""])
async def test_alg_none(target: Target, none: str) -> None:
    _, payload, signature = target.forge().split(".")
    header = encode(jwt.get_unverified_header(target.forge()) | {"alg": none})
    unsigned = f"{header}.{payload}"
    for token in (unsigned, f"{unsigned}.", f"{unsigned}.{signature}"):
        await target.refuses(token)


async def test_another_key(target: Target) -> None:
    algorithm = target.policy.keys.algorithm
    await target.refuses(target.forge(key=new_private_key(algorithm) if algorithm != "HS256" else "k" * 64))


async def test_another_algorithm(target: Target) -> None:
    await target.refuses(target.forge(key="k" * 64, algorithm="HS512"))
    await target.refuses(target.forge(key=PRIVATE_KEYS["RS256"], algorithm="RS512"))


@pytest.mark.parametrize("algorithm", ["EdDSA", "RS256"])
async def test_our_public_key_as_a_secret(target: Target, algorithm: str) -> None:
    """CVE-2016-5431 and many after it. It tries each form of the public key."""
    key = PRIVATE_KEYS[algorithm].public_key()
    pem, jwk = public_pem(key).encode(), to_jwk(key, algorithm)
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    number = base64.urlsafe_b64decode(jwk["x" if algorithm == "EdDSA" else "n"] + "==")
    for secret in (pem, pem.strip(), der, number, json.dumps(jwk).encode()):
        await target.refuses(sign_by_hand(target.forge(), secret))


async def test_a_key_that_the_token_brings(target: Target) -> None:
    own = Ed25519PrivateKey.generate()
    jwk = jwt.algorithms.OKPAlgorithm.to_jwk(own.public_key(), as_dict=True)
    for headers in (
        {"jwk": jwk},
        {"jku": "http://127.0.0.1:1/jwks.json"},
        {"x5u": "http://127.0.0.1:1/x5u"},
        {"x5c": [base64.b64encode(public_pem(own.public_key()).encode()).decode()]},
        {"kid": "' OR 1=1 --"},
        {"kid": ""},
        {"kid": "unknown"},
    ):
        await target.refuses(target.forge(key=own, algorithm="EdDSA", headers=headers))
        await target.refuses(target.forge(key="k" * 64, algorithm="HS256", headers=headers))


@pytest.mark.parametrize("secret", [b"", b"\0", b"null"])
async def test_a_secret_that_a_missing_key_could_turn_into(target: Target, secret: bytes) -> None:
    await target.refuses(sign_by_hand(target.forge(), secret))
    for kid in ("/dev/null", "../../../../dev/null", "", None):
        await target.refuses(sign_by_hand(target.forge(), secret, {"kid": kid}))


async def test_a_stripped_or_changed_signature(target: Target) -> None:
    header, payload, signature = target.forge().split(".")
    changed = "A" if signature[0] != "A" else "B"
    for token in (f"{header}.{payload}", f"{header}.{payload}.", f"{header}.{payload}.{changed}{signature[1:]}"):
        await target.refuses(token)


async def test_a_changed_payload(target: Target) -> None:
    header, _, signature = target.forge().split(".")
    claims = jwt.decode(target.forge(), options={"verify_signature": False})
    await target.refuses(f"{header}.{encode(claims | {'sub': str(uuid4())})}.{signature}")


async def test_expired(target: Target) -> None:
    now = int(datetime.now(UTC).timestamp())
    await target.refuses(target.forge(iat=now - 60, exp=now))


@pytest.mark.parametrize("claim", [*COMMON_CLAIMS, "jti", "sid"])
async def test_a_missing_claim(target: Target, claim: str) -> None:
    without: dict[str, Any] = {claim: None}
    await target.refuses(target.forge(**without))


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "another"},
        {"aud": "another"},
        {"aud": ["another", "my-service"]},
        {"sub": "alice"},
        {"sub": 1},
        {"sub": 10**400},
        {"sub": -1},
        {"sub": True},
        {"sub": "9" * 50_000},
        {"sub": ""},
        {"sub": "\0"},
        {"sub": "\ud800"},
        {"sub": ["x"]},
        {"sub": {"$ne": 1}},
        {"sid": 10**400},
        {"sid": "\0"},
        {"sid": "1"},
        {"exp": 1e400},
        {"exp": "9999999999"},
        {"exp": True},
        {"iat": 9_999_999_999},
        {"nbf": 9_999_999_999},
        {"jti": 1},
    ],
    ids=lambda claims: str(claims)[:40].encode("unicode_escape").decode(),
)
async def test_a_claim_that_says_something_else(target: Target, claims: dict[str, Any]) -> None:
    await target.refuses(target.forge(**claims))


@pytest.mark.parametrize("typ", ["JWT", "refresh+jwt", "password-reset+jwt", "email-verification+jwt", None])
async def test_another_purpose(target: Target, typ: str | None) -> None:
    await target.refuses(target.forge(headers={"typ": typ}))


async def test_a_header_that_must_be_understood_and_is_not(target: Target) -> None:
    await target.refuses(target.forge(headers={"crit": ["exp"], "exp": 1}))


async def test_a_session_of_nobody_or_of_another(target: Target, db: AsyncSession, admin: User) -> None:
    """Only routes that read the database can know this; `/signed` trusts the signature."""
    others = await sessions.start(db, admin.id, Device("", None), datetime.now(UTC), lifetime=target.policy.lifetime)
    await db.commit()
    for session in (uuid4(), others.session_id):
        answer = await target.client.get("/users/me", headers=bearer(target.forge(sid=str(session))))
        assert answer.status_code == 401


def sign_by_hand(token: str, secret: bytes, headers: dict[str, Any] | None = None) -> str:
    """With HS256, also with secrets that PyJWT itself would refuse."""
    header = encode(jwt.get_unverified_header(token) | {"alg": "HS256"} | (headers or {}))
    signed = f"{header}.{token.split('.')[1]}"
    return f"{signed}.{base64url(hmac.new(secret, signed.encode(), hashlib.sha256).digest())}"


def encode(part: dict[str, Any]) -> str:
    return base64url(json.dumps(part).encode())


def base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
