"""The tables. After a change, run `python manage.py makemigrations`, then `migrate`."""

import datetime as dt
from uuid import UUID, uuid4

from sqlalchemy import Column, ForeignKey, Index, String, Table, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.accounts import User
from app.core.db import Base, by_code_point, utcnow

article_tags = Table(
    "articles_article_tags",
    Base.metadata,
    Column("article_id", ForeignKey("articles_article.id", ondelete="CASCADE"), primary_key=True),
    Column("tag_id", ForeignKey("articles_tag.id", ondelete="CASCADE"), primary_key=True, index=True),
)


class Tag(Base):
    __tablename__ = "articles_tag"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    name: Mapped[str] = mapped_column(by_code_point(50), unique=True)

    def __str__(self) -> str:
        return self.name


class Article(Base):
    __tablename__ = "articles_article"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    author_id: Mapped[UUID] = mapped_column(ForeignKey(User.id, ondelete="CASCADE"))
    slug: Mapped[str] = mapped_column(String(100), unique=True)
    title: Mapped[str] = mapped_column(String(200))
    description: Mapped[str] = mapped_column(String(500))
    body: Mapped[str] = mapped_column(Text)
    created_at: Mapped[dt.datetime] = mapped_column(default=utcnow)
    updated_at: Mapped[dt.datetime] = mapped_column(default=utcnow, onupdate=utcnow)
    author: Mapped[User] = relationship(lazy="raise")
    tags: Mapped[list[Tag]] = relationship(
        secondary=article_tags, order_by=Tag.name, lazy="raise", passive_deletes=True
    )

    __table_args__ = (
        Index(None, "created_at", "id"),  # for paging, the newest first
        Index(None, "author_id", "created_at", "id"),
    )

    def __str__(self) -> str:
        return self.title


class Favorite(Base):
    """A user likes an article. Only this user can change it, so it needs no permissions."""

    __tablename__ = "articles_favorite"
    __permissions__ = ()
    __audited__ = ()

    article_id: Mapped[UUID] = mapped_column(ForeignKey(Article.id, ondelete="CASCADE"), primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey(User.id, ondelete="CASCADE"), primary_key=True, index=True)
