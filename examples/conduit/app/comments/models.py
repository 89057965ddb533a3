"""The tables. After a change, run `python manage.py makemigrations`, then `migrate`."""

import datetime as dt
from uuid import UUID, uuid4

from sqlalchemy import ForeignKey, Index, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.accounts import User
from app.articles import Article
from app.core.db import Base, utcnow


class Comment(Base):
    __tablename__ = "comments_comment"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    article_id: Mapped[UUID] = mapped_column(ForeignKey(Article.id, ondelete="CASCADE"))
    author_id: Mapped[UUID] = mapped_column(ForeignKey(User.id, ondelete="CASCADE"), index=True)
    body: Mapped[str] = mapped_column(Text)
    created_at: Mapped[dt.datetime] = mapped_column(default=utcnow)
    updated_at: Mapped[dt.datetime] = mapped_column(default=utcnow, onupdate=utcnow)
    article: Mapped[Article] = relationship(lazy="raise")
    author: Mapped[User] = relationship(lazy="raise")

    __table_args__ = (Index(None, "article_id", "created_at", "id"),)

    def __str__(self) -> str:
        return self.body[:50]
