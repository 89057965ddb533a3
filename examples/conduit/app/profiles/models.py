"""The tables. After a change, run `python manage.py makemigrations`, then `migrate`."""

from uuid import UUID

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from app.accounts import User
from app.core.db import Base


class Follow(Base):
    """A user follows another one. Only the follower can change it, so it needs no permissions."""

    __tablename__ = "profiles_follow"
    __permissions__ = ()
    __audited__ = ()

    follower_id: Mapped[UUID] = mapped_column(ForeignKey(User.id, ondelete="CASCADE"), primary_key=True)
    followed_id: Mapped[UUID] = mapped_column(ForeignKey(User.id, ondelete="CASCADE"), primary_key=True, index=True)
