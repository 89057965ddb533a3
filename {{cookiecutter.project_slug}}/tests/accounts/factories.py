"""Users, groups, permissions and sessions for tests."""

import datetime as dt

from app.accounts.models import Group, Permission, Session, User
from tests.factories import ModelFactory, invented, numbered
from tests.passwords import PASSWORD, PASSWORD_HASH


class UserFactory(ModelFactory[User]):
    """A user with the password `PASSWORD` of `tests.conftest`."""

    __seed_note__ = f"Each of these users has the password: {PASSWORD}"
    username = numbered(lambda n: f"user{n}")
    email = numbered(lambda n: f"user{n}@example.com")
    full_name = invented(lambda fake: fake.name())
    hashed_password = PASSWORD_HASH


class PermissionFactory(ModelFactory[Permission]):
    """Routes ask for permissions of models, which `migrate` makes. This one is for nothing."""

    __is_seeded__ = False
    name = numbered(lambda n: f"tests.do_{n}")


class GroupFactory(ModelFactory[Group]):
    name = numbered(lambda n: f"group {n}")


class SessionFactory(ModelFactory[Session]):
    """A session that nobody can refresh: its hashes are of no token."""

    __is_seeded__ = False
    user = UserFactory
    family_hash = rotation_hash = "0" * 64
    user_agent = "Mozilla/5.0"
    created_at = last_used_at = dt.datetime(2026, 1, 31, 12, tzinfo=dt.UTC)
    expires_at = dt.datetime(2126, 1, 31, 12, tzinfo=dt.UTC)
