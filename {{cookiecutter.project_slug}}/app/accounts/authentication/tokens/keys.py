"""The keys for access tokens: one signs, and the old ones still verify."""

import hashlib
import json
import re
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
    load_der_public_key,
    load_pem_private_key,
    load_pem_public_key,
)
from jwt.algorithms import OKPAlgorithm, RSAAlgorithm

from app.core.settings import BASE_DIR, SettingsError
from app.settings import Settings

PrivateKey = Ed25519PrivateKey | RSAPrivateKey
PublicKey = Ed25519PublicKey | RSAPublicKey
JWK = dict[str, Any]

PRIVATE_TYPES: Mapping[str, type[PrivateKey]] = {"EdDSA": Ed25519PrivateKey, "RS256": RSAPrivateKey}
PUBLIC_TYPES: Mapping[str, type[PublicKey]] = {"EdDSA": Ed25519PublicKey, "RS256": RSAPublicKey}
RSA_BITS = 2048  # the least that RFC 7518, 3.3 allows
Key = TypeVar("Key")

# DER in base64. It always begins with M, and without a dot or a dash no path is so long.
ONE_LINE = re.compile("M[A-Za-z0-9+/]{50,}=*")

THUMBPRINT_MEMBERS = {"OKP": ("crv", "kty", "x"), "RSA": ("e", "kty", "n")}


@dataclass(frozen=True)
class KeyRing:
    algorithm: str
    signing_key: Any = field(repr=False)
    key_id: str | None
    """The `kid` of new tokens. It is None for secrets: even a hash would reveal something about them."""
    verifying_keys: Mapping[str | None, tuple[Any, ...]] = field(repr=False)
    """By `kid`: a token chooses among our keys. A key inside the token does not count (RFC 8725, 3.10)."""
    public_jwks: tuple[JWK, ...] = ()


def load_keys(settings: Settings) -> KeyRing:
    """Raises SettingsError if a key is missing, unreadable, weak, or does not fit the algorithm."""
    if settings.jwt_algorithm == "HS256":
        return load_secrets(settings)
    return _key_pairs(settings)


def load_secrets(settings: Settings) -> KeyRing:
    keys = (settings.secret_key, *settings.secret_key_fallbacks)
    secrets = tuple(key.get_secret_value().encode() for key in keys)
    return KeyRing("HS256", secrets[0], None, {None: secrets})


def _key_pairs(settings: Settings) -> KeyRing:
    algorithm = settings.jwt_algorithm
    if settings.jwt_private_key is None:
        raise SettingsError(f"JWT_PRIVATE_KEY: is missing; JWT_ALGORITHM={algorithm} needs it.")
    private = read_private_key(settings.jwt_private_key.get_secret_value(), algorithm)
    fallbacks = (_read_public_key(text, algorithm) for text in settings.jwt_public_key_fallbacks)
    # By kid: during a rotation, the current key is also among the fallbacks.
    publics = {to_jwk(key, algorithm)["kid"]: key for key in (private.public_key(), *fallbacks)}
    return KeyRing(
        algorithm,
        private,
        key_id=next(iter(publics)),
        verifying_keys={kid: (key,) for kid, key in publics.items()},
        public_jwks=tuple(to_jwk(key, algorithm) for key in publics.values()),
    )


def read_private_key(text: str, algorithm: str) -> PrivateKey:
    try:
        der = _der(text)
        key = load_der_private_key(der, None) if der else load_pem_private_key(_pem(text), None)
    except PermissionError:
        raise SettingsError("JWT_PRIVATE_KEY: names a file that this user may not read.") from None
    except (ValueError, TypeError, OSError, UnsupportedAlgorithm):
        raise SettingsError("JWT_PRIVATE_KEY: is neither a private key nor a path to one.") from None
    return _checked(key, PRIVATE_TYPES[algorithm], "JWT_PRIVATE_KEY", algorithm)


def _read_public_key(text: str, algorithm: str) -> PublicKey:
    try:
        der = _der(text)
        key = load_der_public_key(der) if der else load_pem_public_key(_pem(text))
    except PermissionError:
        raise SettingsError("JWT_PUBLIC_KEY_FALLBACKS: an item names a file that this user may not read.") from None
    except (ValueError, OSError, UnsupportedAlgorithm):
        raise SettingsError("JWT_PUBLIC_KEY_FALLBACKS: an item is neither a public key nor a path to one.") from None
    return _checked(key, PUBLIC_TYPES[algorithm], "JWT_PUBLIC_KEY_FALLBACKS", algorithm)


def _checked(key: object, expected: type[Key], setting: str, algorithm: str) -> Key:
    if not isinstance(key, expected):
        raise SettingsError(f"{setting}: is a key of the wrong type for JWT_ALGORITHM={algorithm}.")
    if getattr(key, "key_size", RSA_BITS) < RSA_BITS:
        raise SettingsError(f"{setting}: is an RSA key of less than {RSA_BITS} bits.")
    return key


def key_path(text: str) -> Path | None:
    """Return the file that the setting names, or None if it contains the key itself."""
    is_key = text.startswith("-----BEGIN ") or ONE_LINE.fullmatch(text)
    return None if is_key else BASE_DIR / text


def one_line(text: str) -> str:
    """Return the key of a PEM as base64 only: everything that reads `.env` takes that as it is. A path stays a path."""
    return text if key_path(text) else re.sub(r"-----[A-Z ]+-----|\\n|\s", "", text)


def _der(text: str) -> bytes | None:
    return b64decode(text) if ONE_LINE.fullmatch(text) else None


def _pem(text: str) -> bytes:
    path = key_path(text)
    # A PEM in .env may be one line with \n for its line ends.
    return path.read_bytes() if path else text.replace("\\n", "\n").encode()


def to_jwk(key: PublicKey, algorithm: str) -> JWK:
    """Return the public key as in RFC 7517. Its `kid` is its thumbprint (RFC 7638), so each kid means one key."""
    jwk = RSAAlgorithm.to_jwk(key, True) if isinstance(key, RSAPublicKey) else OKPAlgorithm.to_jwk(key, True)
    members = {name: jwk[name] for name in THUMBPRINT_MEMBERS[jwk["kty"]]}
    canonical = json.dumps(members, separators=(",", ":"), sort_keys=True).encode()
    thumbprint = urlsafe_b64encode(hashlib.sha256(canonical).digest()).rstrip(b"=").decode()
    return {**members, "kid": thumbprint, "use": "sig", "alg": algorithm}


def new_private_key(algorithm: str) -> PrivateKey:
    return generate_private_key(65537, RSA_BITS) if algorithm == "RS256" else Ed25519PrivateKey.generate()


def private_pem(key: PrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def public_pem(key: PublicKey) -> str:
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
