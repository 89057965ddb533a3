"""Refuses keys that others can guess: everybody could sign tokens with them."""

from pydantic import SecretStr

from app.core.settings.env_file import PLACEHOLDER

KEY_BYTES = 32  # RFC 7518, 3.2: a key for HS256 is at least as long as the hash
PUBLISHED_KEYS = (
    "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7",  # FastAPI's documentation
    "deff1952d59f883ece260e8683fed21ab0ad9a53323eca4f",  # a much copied tutorial on JWTBearer
)
# Sample keys in tutorials contain these words. 86 random characters practically never do.
SAMPLE_WORDS = ("secret", "your-", "your_", "change", "example", "password", "insecure", PLACEHOLDER)


def refuse_guessable(key: str) -> None:
    if PLACEHOLDER in key:
        raise ValueError("is still the placeholder of .env.example")
    if len(key.encode()) < KEY_BYTES:
        raise ValueError(f"is shorter than {KEY_BYTES} bytes")
    if key in PUBLISHED_KEYS or any(word in key.lower() for word in SAMPLE_WORDS):
        raise ValueError("is a sample key, so everybody can sign tokens with it")


def check_key(key: SecretStr) -> SecretStr:
    refuse_guessable(key.get_secret_value())
    return key


def check_keys(keys: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
    for key in keys:
        check_key(key)
    return keys
