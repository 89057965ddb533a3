from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, validates

from app.core.database import Base, utcnow


def fold(name: str) -> str:
    """The form in which names and addresses are compared: SQLite's own folding knows ASCII only."""
    return name.casefold()


class User(Base):
    __tablename__ = "accounts_user"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    username: Mapped[str] = mapped_column(String(150))
    username_folded: Mapped[str] = mapped_column(String(150), unique=True)
    email: Mapped[str] = mapped_column(String(254))
    email_folded: Mapped[str] = mapped_column(String(254), unique=True)
    full_name: Mapped[str] = mapped_column(String(150), default="")
    hashed_password: Mapped[str] = mapped_column(String(255))
    disabled: Mapped[bool] = mapped_column(default=False)
    is_staff: Mapped[bool] = mapped_column(default=False)
    is_superuser: Mapped[bool] = mapped_column(default=False)
    date_joined: Mapped[datetime] = mapped_column(default=utcnow)
    last_login: Mapped[datetime | None]

    @validates("username", "email")
    def _keep_folded(self, attribute: str, value: str) -> str:
        setattr(self, f"{attribute}_folded", fold(value))
        return value


class Session(Base):
    """One login on one device; `app.accounts.sessions` says how its refresh tokens work."""

    __tablename__ = "accounts_session"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("accounts_user.id", ondelete="CASCADE"), index=True)
    family_hash: Mapped[str] = mapped_column(String(64))
    rotation_hash: Mapped[str] = mapped_column(String(64))
    user_agent: Mapped[str] = mapped_column(String(255))
    ip_address: Mapped[str | None] = mapped_column(String(45))
    created_at: Mapped[datetime]
    last_used_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    ended_at: Mapped[datetime | None]
