import os
import re
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from dotenv import dotenv_values
from jwt import PyJWKSet
from pydantic import SecretStr

from app.accounts.authentication.tokens import rotation
from app.accounts.authentication.tokens.keys import (
    RSA_BITS,
    load_keys,
    new_private_key,
    private_pem,
    public_pem,
    to_jwk,
)
from app.accounts.authentication.tokens.rotation import rotate_keys
from app.accounts.models import User
from app.core.cli import CommandError
from app.core.settings import BASE_DIR, SettingsError
from app.settings import Settings
from tests.conftest import PASSWORD, ClientWith

SECRET = "k" * 64
KEYS = {algorithm: new_private_key(algorithm) for algorithm in ("EdDSA", "RS256")}


def with_keys(settings: Settings, algorithm: str, private: str | None, *fallbacks: str) -> Settings:
    secret = SecretStr(private) if private else None
    changes = {"jwt_algorithm": algorithm, "jwt_private_key": secret, "jwt_public_key_fallbacks": fallbacks}
    return settings.model_copy(update=changes)


@pytest.mark.parametrize("algorithm", KEYS)
async def test_another_service_verifies_our_tokens(client_with: ClientWith, user: User, algorithm: str) -> None:
    client = await client_with(jwt_algorithm=algorithm, jwt_private_key=SecretStr(private_pem(KEYS[algorithm])))
    token = (await client.post("/token", data={"username": "alice", "password": PASSWORD})).json()["access_token"]

    answer = await client.get("/.well-known/jwks.json")
    assert answer.status_code == 200
    assert "max-age" in answer.headers["Cache-Control"]
    assert "d" not in answer.json()["keys"][0], "the private part"
    key = PyJWKSet.from_dict(answer.json())[jwt.get_unverified_header(token)["kid"]]
    claims = jwt.decode(token, key, audience="my-service", options={"verify_aud": False})
    assert claims["sub"] == str(user.id)


def test_a_public_key_has_the_form_and_the_thumbprint_of_the_rfcs() -> None:
    """The key of RFC 8037, appendix A.2, and its thumbprint of A.3."""
    key = Ed25519PublicKey.from_public_bytes(
        bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
    )

    assert to_jwk(key, "EdDSA") == {
        "kty": "OKP",
        "crv": "Ed25519",
        "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
        "kid": "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
        "use": "sig",
        "alg": "EdDSA",
    }


async def test_a_secret_is_not_shown(client_with: ClientWith) -> None:
    answer = await (await client_with()).get("/.well-known/jwks.json")

    assert answer.status_code == 404


@pytest.mark.parametrize("algorithm", KEYS)
def test_a_key_is_text_or_a_file(settings: Settings, tmp_path: Path, algorithm: str) -> None:
    pem = private_pem(KEYS[algorithm])
    (tmp_path / "key.pem").write_text(pem)

    rings = [
        load_keys(with_keys(settings, algorithm, text))
        for text in (pem, pem.replace("\n", "\\n"), "".join(pem.splitlines()[1:-1]), str(tmp_path / "key.pem"))
    ]

    assert len({ring.key_id for ring in rings}) == 1


def test_the_kid_is_the_thumbprint_of_the_key(settings: Settings) -> None:
    """RFC 8037, appendix A.3 has this key and its thumbprint."""
    private = """-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g
-----END PRIVATE KEY-----"""

    assert load_keys(with_keys(settings, "EdDSA", private)).key_id == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


@pytest.mark.parametrize(
    ("algorithm", "private", "fallback"),
    [
        ("EdDSA", None, None),
        ("EdDSA", "nowhere.pem", None),
        ("EdDSA", "-----BEGIN nonsense", None),
        ("EdDSA", "M" * 64, None),
        ("EdDSA", private_pem(KEYS["EdDSA"]), "M" * 61),
        ("EdDSA", private_pem(KEYS["RS256"]), None),
        ("RS256", private_pem(KEYS["EdDSA"]), None),
        ("RS256", private_pem(generate_private_key(65537, RSA_BITS // 2)), None),
        ("EdDSA", private_pem(KEYS["EdDSA"]), "nowhere.pem"),
        ("EdDSA", private_pem(KEYS["EdDSA"]), public_pem(KEYS["RS256"].public_key())),
    ],
)
def test_a_key_that_cannot_work_is_one_line(
    settings: Settings, algorithm: str, private: str | None, fallback: str | None
) -> None:
    with pytest.raises(SettingsError, match=r"^JWT_[A-Z_]+: [^\n]+\.$") as caught:
        load_keys(with_keys(settings, algorithm, private, *([fallback] if fallback else [])))

    assert "BEGIN" not in str(caught.value)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with all its settings in `.env`."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    (tmp_path / ".env").write_text(f"# mine\nSECRET_KEY={SECRET}\nJWT_ISSUER=us # kept\n")
    return tmp_path


def read(root: Path) -> Settings:
    return Settings(_env_file=root / ".env")


def rotate(root: Path) -> list[str]:
    return list(rotate_keys(root, read(root)))


def test_rotation_keeps_the_old_secret_as_a_fallback(root: Path) -> None:
    assert rotate(root) == ["SECRET_KEY is new."]

    new, old = load_keys(read(root)).verifying_keys[None]
    assert old == SECRET.encode()
    assert new == load_keys(read(root)).signing_key != old
    assert (root / ".env").read_text().startswith("# mine\nSECRET_KEY=")
    assert "JWT_ISSUER=us # kept\n" in (root / ".env").read_text()


def test_rotating_twice_keeps_both(root: Path) -> None:
    rotate(root)
    second = read(root).secret_key.get_secret_value()
    rotate(root)

    assert [key.get_secret_value() for key in read(root).secret_key_fallbacks] == [second, SECRET]


@pytest.mark.skipif(os.name != "posix", reason="Windows does not have these file modes")
def test_rotation_keeps_the_file_private(root: Path) -> None:
    rotate(root)

    assert (root / ".env").stat().st_mode & 0o777 == 0o600
    assert [file.name for file in root.iterdir()] == [".env"]


@pytest.mark.parametrize("algorithm", KEYS)
@pytest.mark.parametrize("in_file", [True, False])
def test_rotation_of_a_key_pair(root: Path, algorithm: str, in_file: bool) -> None:
    pem = private_pem(KEYS[algorithm])
    (root / "key.pem").write_text(pem)
    text = str(root / "key.pem") if in_file else pem.replace("\n", "\\n")
    with (root / ".env").open("a") as file:
        file.write(f"JWT_ALGORITHM={algorithm}\nJWT_PRIVATE_KEY={text}\n")
    before = load_keys(read(root))

    assert rotate(root) == ["JWT_PRIVATE_KEY is new.", "SECRET_KEY is new."]
    found = dotenv_values(root / ".env")
    assert found["SECRET_KEY"] != found["SECRET_KEY_FALLBACKS"] == SECRET
    written = [found["JWT_PUBLIC_KEY_FALLBACKS"], *([] if in_file else [found["JWT_PRIVATE_KEY"]])]
    assert all(re.fullmatch("[A-Za-z0-9+/=]+", value or "") for value in written)  # systemd and shells take it as it is

    after = load_keys(read(root))
    assert after.key_id != before.key_id
    assert set(after.verifying_keys) == {after.key_id, before.key_id}
    assert ((root / "key.pem").read_text() != pem) == in_file
    rotate(root)
    assert len(load_keys(read(root)).public_jwks) == 3


def test_rotation_repairs_older_fallbacks(root: Path) -> None:
    """An older version wrote \\n for line ends. systemd removes the backslash."""
    private, older, in_file = (new_private_key("EdDSA") for _ in range(3))
    (root / "old.pem").write_text(public_pem(in_file.public_key()))
    text = public_pem(older.public_key()).replace("\n", "\\n")
    with (root / ".env").open("a") as file:
        file.write(f"JWT_ALGORITHM=EdDSA\nJWT_PRIVATE_KEY={private_pem(private)!r}\n".replace("'", ""))
        file.write(f"JWT_PUBLIC_KEY_FALLBACKS={text},{root / 'old.pem'}\n")
    before = load_keys(read(root))

    rotate(root)

    assert {jwk["kid"] for jwk in before.public_jwks} < {jwk["kid"] for jwk in load_keys(read(root)).public_jwks}
    assert "\\" not in (root / ".env").read_text()
    assert str(root / "old.pem") in (root / ".env").read_text()


def test_a_crash_between_the_two_files_loses_no_key(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / "key.pem").write_text(private_pem(KEYS["EdDSA"]))
    with (root / ".env").open("a") as file:
        file.write(f"JWT_ALGORITHM=EdDSA\nJWT_PRIVATE_KEY={root / 'key.pem'}\n")
    before = load_keys(read(root))

    def crash(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(rotation, "write_private", crash)
    with pytest.raises(KeyboardInterrupt):
        rotate(root)

    assert load_keys(read(root)).public_jwks == before.public_jwks


def test_a_crash_while_writing_loses_no_key(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = (root / ".env").read_bytes()

    def crash(_: int) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", crash)
        with pytest.raises(KeyboardInterrupt):
            rotate(root)
    assert (root / ".env").read_bytes() == before

    rotate(root)
    assert [file.name for file in root.iterdir()] == [".env"]


def test_a_key_of_the_environment_is_rotated_there(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "e" * 64)

    with pytest.raises(CommandError, match="rotate it there"):
        rotate(root)
    assert dotenv_values(root / ".env")["SECRET_KEY"] == SECRET


ROTATE_AS_NOBODY = """
import os, sys
from pathlib import Path
from app.accounts.authentication.tokens.rotation import rotate_keys
from app.core.cli.errors import explain
from app.settings import Settings

root = Path(sys.argv[1])
settings = Settings(_env_file=root / ".env")
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
try:
    list(rotate_keys(root, settings))
except Exception as error:
    print(explain(error) or repr(error))
"""


@pytest.mark.usefixtures("root")  # no setting is in the environment
def test_a_user_who_may_not_write_is_told_who_may() -> None:
    """As on a plain server: the file belongs to the service, and its folder to root."""
    if sys.platform == "win32" or os.geteuid() != 0:
        pytest.skip("only root can become another user")
    with TemporaryDirectory() as name:  # others may not enter the folders of pytest
        folder = Path(name)
        folder.chmod(0o755)
        env = folder / ".env"
        env.write_text(f"SECRET_KEY={SECRET}\n")
        os.chown(env, 65534, 65534)

        arguments = [sys.executable, "-c", ROTATE_AS_NOBODY, name]
        done = subprocess.run(arguments, check=True, capture_output=True, text=True, cwd=BASE_DIR)

        assert done.stdout.startswith(f"{env}.")
        hint = "Run the command as a user who may do this, for example root."
        assert done.stdout.endswith(f": Permission denied. {hint}\n")
        assert env.read_text() == f"SECRET_KEY={SECRET}\n"
