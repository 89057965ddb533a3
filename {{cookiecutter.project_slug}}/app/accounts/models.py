"""Tables of users, groups, permissions and sessions."""

from datetime import datetime
from typing import Any, Self
from uuid import UUID, uuid4

from sqlalchemy import Column, ColumnElement, ForeignKey, Index, Select, String, Table, and_, select
from sqlalchemy.orm import Mapped, mapped_column, relationship, validates

from app.accounts.fields import UserFields
from app.core.db import Base, by_code_point, declared_permissions, utcnow

# Column options for `app.core.audit`.
SECRET = {"secret": True}
DERIVED = {"audited": False}


def fold(name: str) -> str:
    """Return the form for comparisons of names and addresses. SQLite's own folding knows only ASCII."""
    return name.casefold()


user_groups = Table(
    "accounts_user_groups",
    Base.metadata,
    Column("user_id", ForeignKey("accounts_user.id", ondelete="CASCADE"), primary_key=True),
    Column("group_id", ForeignKey("accounts_group.id", ondelete="CASCADE"), primary_key=True, index=True),
)

group_permissions = Table(
    "accounts_group_permissions",
    Base.metadata,
    Column("group_id", ForeignKey("accounts_group.id", ondelete="CASCADE"), primary_key=True),
    Column("permission_id", ForeignKey("accounts_permission.id", ondelete="CASCADE"), primary_key=True, index=True),
)


class Permission(Base):
    """`migrate` fills this table from the models of all apps, see `app.accounts.permissions.table`."""

    __tablename__ = "accounts_permission"
    __audited__ = ()

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    name: Mapped[str] = mapped_column(String(150), unique=True)

    def __str__(self) -> str:
        return self.name


class Group(Base):
    """A group of users with the same permissions."""

    __tablename__ = "accounts_group"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    name: Mapped[str] = mapped_column(String(150), unique=True)
    permissions: Mapped[list[Permission]] = relationship(
        secondary=group_permissions, order_by=Permission.name, lazy="raise", passive_deletes=True
    )

    def __str__(self) -> str:
        return self.name


def only(flag: Mapped[bool]) -> dict[str, Any]:
    """Limit an index to the rows with the flag: most users do not have it."""
    return {"sqlite_where": flag.is_(True), "postgresql_where": flag.is_(True)}


class User(UserFields, Base):
    __tablename__ = "accounts_user"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    username: Mapped[str] = mapped_column(String(150))
    username_folded: Mapped[str] = mapped_column(by_code_point(150), unique=True, info=DERIVED)
    email: Mapped[str] = mapped_column(String(254))
    email_folded: Mapped[str] = mapped_column(by_code_point(320), unique=True, info=DERIVED)
    email_verified: Mapped[bool] = mapped_column(default=False)
    email_changed_at: Mapped[datetime | None]
    full_name: Mapped[str] = mapped_column(String(150), default="")
    full_name_folded: Mapped[str] = mapped_column(by_code_point(450), default="", info=DERIVED)
    hashed_password: Mapped[str] = mapped_column(String(255), info=SECRET)
    password_changed_at: Mapped[datetime | None] = mapped_column(info=DERIVED)
    disabled: Mapped[bool] = mapped_column(default=False)
    is_staff: Mapped[bool] = mapped_column(default=False)
    is_superuser: Mapped[bool] = mapped_column(default=False)
    date_joined: Mapped[datetime] = mapped_column(default=utcnow)
    last_login: Mapped[datetime | None]
    groups: Mapped[list[Group]] = relationship(
        secondary=user_groups, order_by=Group.name, lazy="raise", passive_deletes=True
    )

    # For `app.accounts.users.listing`. It searches and sorts by a column and the id, and lists users with a flag.
    __table_args__ = (
        Index(None, "username_folded", "id"),
        Index(None, "email_folded", "id"),
        Index(None, "full_name_folded", "id"),
        Index(None, "date_joined", "id"),
        Index(None, "last_login", "id", postgresql_ops={"last_login": "NULLS FIRST"}),  # SQLite's default
        Index(None, "disabled", "username_folded", **only(disabled)),
        Index(None, "is_staff", "username_folded", **only(is_staff)),
        Index(None, "is_superuser", "username_folded", **only(is_superuser)),
    )

    @validates("username", "email", "full_name")
    def _keep_folded(self, attribute: str, value: str) -> str:
        setattr(self, f"{attribute}_folded", fold(value))
        return value

    @validates("hashed_password")
    def _is_changed(self, attribute: str, value: str) -> str:
        """A login that only replaces an old kind of hash must not set the time, so it uses an UPDATE."""
        self.password_changed_at = utcnow()
        return value

    @classmethod
    def named(cls, name: str) -> Select[Self]:
        """Find a user by the e-mail address if the name has an `@`, else by the username. No username has an `@`."""
        return select(cls).where((cls.email_folded if "@" in name else cls.username_folded) == fold(name))

    def __str__(self) -> str:
        return self.username

    @property
    def permissions(self) -> frozenset[str]:
        """Those of the groups, which must be loaded. A superuser has all permissions."""
        if self.is_superuser:
            return declared_permissions()
        return frozenset(permission.name for group in self.groups for permission in group.permissions)


def has_password_of(user: User) -> ColumnElement[bool]:
    """True if no new password was set since the user was read. A login may have replaced the hash of the same one."""
    return and_(User.id == user.id, User.password_changed_at == user.password_changed_at)


class Session(Base):
    """One login on one device. `app.accounts.authentication.sessions` explains its refresh tokens."""

    __tablename__ = "accounts_session"
    __audited__ = ("change",)  # the end of a session; the log needs no entry for each login

    id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("accounts_user.id", ondelete="CASCADE"), index=True)
    family_hash: Mapped[str] = mapped_column(String(64), info=SECRET)
    rotation_hash: Mapped[str] = mapped_column(String(64), info=SECRET)
    user_agent: Mapped[str] = mapped_column(String(255))
    ip_address: Mapped[str | None] = mapped_column(String(45))
    created_at: Mapped[datetime]
    last_used_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    ended_at: Mapped[datetime | None]
    user: Mapped[User] = relationship(lazy="raise")
