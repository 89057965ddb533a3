from typing import Annotated

from fastapi import APIRouter, Body, Query, status
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import AuthenticatedUser, CurrentUser, OptionalUser
from app.articles import queries
from app.articles.access import FoundArticle, OwnArticle
from app.articles.models import Article
from app.articles.schemas import (
    ArticleAnswer,
    ArticleCreate,
    ArticleQuery,
    ArticleRead,
    ArticlesAnswer,
    ArticleUpdate,
    FeedQuery,
    TagsAnswer,
)
from app.core.db import Db
from app.core.web import public, raises

router = APIRouter(prefix="/api", tags=["articles"])

IN_ARTICLE = Body(embed=True, alias="article")


async def _answer(db: AsyncSession, reader: AuthenticatedUser | None, article: Article) -> ArticleAnswer:
    return ArticleAnswer(article=ArticleRead.of(article, await queries.seen_by(db, reader, [article])))


@router.get("/articles")
async def list_articles(query: Annotated[ArticleQuery, Query()], reader: OptionalUser, db: Db) -> ArticlesAnswer:
    articles, count = await queries.read_page(db, query)
    return ArticlesAnswer.of(articles, await queries.seen_by(db, reader, articles), count)


@router.get("/articles/feed")
async def read_feed(query: Annotated[FeedQuery, Query()], reader: CurrentUser, db: Db) -> ArticlesAnswer:
    """Articles of the users whom you follow, the newest first."""
    articles, count = await queries.read_feed(db, reader.id, query)
    return ArticlesAnswer.of(articles, await queries.seen_by(db, reader, articles), count)


@router.post("/articles", status_code=status.HTTP_201_CREATED)
@raises(409)
async def create_article(author: CurrentUser, new: Annotated[ArticleCreate, IN_ARTICLE], db: Db) -> ArticleAnswer:
    return await _answer(db, author, await queries.add(db, author.id, new))


@router.get("/articles/{slug}")
async def read_article(reader: OptionalUser, article: FoundArticle, db: Db) -> ArticleAnswer:
    return await _answer(db, reader, article)


@router.put("/articles/{slug}")
async def update_article(
    author: CurrentUser, article: OwnArticle, changes: Annotated[ArticleUpdate, IN_ARTICLE], db: Db
) -> ArticleAnswer:
    for field, value in changes.model_dump(exclude_none=True).items():
        setattr(article, field, value)
    await db.commit()
    return await _answer(db, author, article)


@router.delete("/articles/{slug}", status_code=status.HTTP_204_NO_CONTENT)
async def delete_article(article: OwnArticle, db: Db) -> None:
    await db.delete(article)
    await db.commit()


@router.post("/articles/{slug}/favorite")
async def favorite_article(user: CurrentUser, article: FoundArticle, db: Db) -> ArticleAnswer:
    await queries.favorite(db, article.id, user.id)
    return await _answer(db, user, article)


@router.delete("/articles/{slug}/favorite")
async def unfavorite_article(user: CurrentUser, article: FoundArticle, db: Db) -> ArticleAnswer:
    await queries.unfavorite(db, article.id, user.id)
    return await _answer(db, user, article)


@router.get("/tags")
@public
async def list_tags(db: Db) -> TagsAnswer:
    """The tags that most articles have."""
    return TagsAnswer(tags=list(await queries.popular_tags(db)))
