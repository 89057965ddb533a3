"""What the routes ask the database. A page of articles needs the same number of queries, however many it has."""

from collections.abc import Collection, Iterator, Sequence
from uuid import UUID

from sqlalchemy import ColumnElement, delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import AuthenticatedUser, User
from app.articles.access import ARTICLES
from app.articles.models import Article, Favorite, Tag, article_tags
from app.articles.schemas import ArticleCreate, ArticleQuery, FeedQuery, Seen
from app.core.db import MAX_LIMIT, paginate, unique_slug, upsert
from app.profiles import Follow, followed_by

RESERVED = {"feed"}  # a route of its own
NEWEST = ARTICLES.order_by(Article.created_at.desc(), Article.id.desc())


async def read_page(db: AsyncSession, query: ArticleQuery) -> tuple[Sequence[Article], int]:
    return await paginate(db, NEWEST.where(*_conditions(query)), query, exact=True)


def _conditions(query: ArticleQuery) -> Iterator[ColumnElement[bool]]:
    if query.tag is not None:
        tagged = select(article_tags.c.article_id).join(Tag, Tag.id == article_tags.c.tag_id)
        yield Article.id.in_(tagged.where(Tag.name == query.tag))
    if query.author is not None:
        yield Article.author_id.in_(_named(query.author))
    if query.favorited is not None:
        yield Article.id.in_(select(Favorite.article_id).where(Favorite.user_id.in_(_named(query.favorited))))


def _named(username: str) -> ColumnElement[UUID]:
    return select(User.id).where(User.username_folded == username.casefold()).scalar_subquery()


async def read_feed(db: AsyncSession, reader_id: UUID, query: FeedQuery) -> tuple[Sequence[Article], int]:
    followed = select(Follow.followed_id).where(Follow.follower_id == reader_id)
    return await paginate(db, NEWEST.where(Article.author_id.in_(followed)), query, exact=True)


async def seen_by(db: AsyncSession, reader: AuthenticatedUser | None, articles: Collection[Article]) -> Seen:
    likes = func.count().filter(Favorite.user_id == (reader.id if reader else None))
    counts = select(Favorite.article_id, func.count(), likes).group_by(Favorite.article_id)
    rows = (await db.execute(counts.where(Favorite.article_id.in_([article.id for article in articles])))).all()
    return Seen(
        favorites={article_id: count for article_id, count, _ in rows},
        favorited={article_id for article_id, _, liked in rows if liked},
        followed=await followed_by(db, reader, {article.author_id for article in articles}),
    )


async def add(db: AsyncSession, author_id: UUID, new: ArticleCreate) -> Article:
    tags = await upsert(db, Tag, [{"name": name} for name in sorted(set(new.tag_list))], key=[Tag.name])
    article = Article(
        author=await db.get_one(User, author_id),
        slug=await unique_slug(db, Article.slug, new.title, reserved=RESERVED),
        tags=sorted(tags, key=lambda tag: tag.name),
        **new.model_dump(exclude={"tag_list"}),
    )
    db.add(article)
    await db.commit()
    return article


async def favorite(db: AsyncSession, article_id: UUID, user_id: UUID) -> None:
    """To like an article twice is no error."""
    values = {"article_id": article_id, "user_id": user_id}
    await upsert(db, Favorite, [values], key=[Favorite.article_id, Favorite.user_id])
    await db.commit()


async def unfavorite(db: AsyncSession, article_id: UUID, user_id: UUID) -> None:
    await db.execute(delete(Favorite).where(Favorite.article_id == article_id, Favorite.user_id == user_id))
    await db.commit()


async def popular_tags(db: AsyncSession) -> Sequence[str]:
    used = select(Tag.name).join(article_tags, article_tags.c.tag_id == Tag.id).group_by(Tag.id, Tag.name)
    return (await db.scalars(used.order_by(func.count().desc(), Tag.name).limit(MAX_LIMIT))).all()
