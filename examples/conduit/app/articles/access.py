"""The article that a path names."""

from typing import Annotated

from fastapi import Depends
from sqlalchemy import select
from sqlalchemy.orm import joinedload, selectinload

from app.accounts import CurrentUser
from app.articles.models import Article
from app.core.db import Db, Text
from app.core.web import get_or_404, raises

ARTICLES = select(Article).options(joinedload(Article.author), selectinload(Article.tags))


@raises(404)
async def find_article(slug: Text, db: Db) -> Article:
    return await get_or_404(db, ARTICLES, Article.slug == slug)


@raises(404)
async def find_own_article(slug: Text, user: CurrentUser, db: Db) -> Article:
    return await get_or_404(db, ARTICLES, Article.slug == slug, Article.author_id == user.id)


FoundArticle = Annotated[Article, Depends(find_article)]
OwnArticle = Annotated[Article, Depends(find_own_article)]
