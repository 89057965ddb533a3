from uuid import UUID

import pytest
from httpx import AsyncClient
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import User
from app.articles import Article
from tests.articles.factories import ArticleFactory
from tests.comments.factories import CommentFactory
from tests.conftest import Login


@pytest.fixture
async def article(db: AsyncSession) -> Article:
    article = ArticleFactory.build(slug="a-beginning")
    db.add(article)
    await db.commit()
    return article


PATH = "/api/articles/a-beginning/comments"


async def test_users_comment(client: AsyncClient, article: Article, user: User, login: Login) -> None:
    headers = await login(user)

    made = [
        (await client.post(PATH, json={"comment": {"body": body}}, headers=headers)).json()["comment"]
        for body in ("First", "Second")
    ]
    listed = (await client.get(PATH)).json()["comments"]

    assert listed == made[::-1]
    assert listed[0]["body"] == "Second"
    assert listed[0]["author"]["username"] == "alice"


async def test_only_the_author_deletes_a_comment(
    client: AsyncClient, db: AsyncSession, article: Article, user: User, admin: User, login: Login
) -> None:
    comment, other = CommentFactory.build(article=article, author=user), CommentFactory.build(author=user)
    db.add_all([comment, other])
    await db.commit()
    path, headers = f"{PATH}/{comment.id}", await login(user)

    assert (await client.delete(path, headers=await login(admin))).status_code == 404
    for missing in (other.id, UUID(int=0)):  # a comment on another article, and none
        assert (await client.delete(f"{PATH}/{missing}", headers=headers)).status_code == 404
    assert (await client.delete(path, headers=headers)).status_code == 204
    assert (await client.get(PATH)).json() == {"comments": []}


async def test_an_article_that_is_not_there_has_no_comments(client: AsyncClient) -> None:
    assert (await client.get("/api/articles/nothing/comments")).status_code == 404
