from typing import Any

import pytest
from httpx import AsyncClient
from sqlalchemy import Engine, event
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import User
from app.articles.models import Favorite
from app.profiles import Follow
from tests.accounts.factories import UserFactory
from tests.articles.factories import ArticleFactory, TagFactory
from tests.conftest import Login

NEW = {"title": "How to train", "description": "Ever wonder how?", "body": "Carefully.", "tagList": ["old", "dragons"]}


async def create(client: AsyncClient, headers: dict[str, str], **values: Any) -> dict[str, Any]:
    answer = await client.post("/api/articles", json={"article": NEW | values}, headers=headers)
    assert answer.status_code == 201, answer.text
    article: dict[str, Any] = answer.json()["article"]
    return article


async def titles(client: AsyncClient, query: str = "", headers: dict[str, str] | None = None) -> list[str]:
    answer = (await client.get(f"/api/articles{query}", headers=headers)).raise_for_status().json()
    assert answer["articlesCount"] >= len(answer["articles"])
    return [article["title"] for article in answer["articles"]]


async def test_an_author_writes_changes_and_deletes(client: AsyncClient, user: User, login: Login) -> None:
    headers = await login(user)

    article = await create(client, headers)
    path = f"/api/articles/{article['slug']}"
    changed = await client.put(path, json={"article": {"title": "New", "body": None}}, headers=headers)

    assert article["slug"] == "how-to-train"
    assert article["tagList"] == ["dragons", "old"]
    assert article["author"] == {"username": "alice", "bio": "", "image": None, "following": False}
    assert (article["favorited"], article["favoritesCount"]) == (False, 0)
    expected = article | {"title": "New", "updatedAt": changed.json()["article"]["updatedAt"]}
    assert changed.json()["article"] == expected
    assert (await client.get(path)).json()["article"] == expected
    assert (await client.delete(path, headers=headers)).status_code == 204
    assert (await client.get(path)).status_code == 404


async def test_others_read_but_do_not_change(
    client: AsyncClient, db: AsyncSession, user: User, admin: User, login: Login
) -> None:
    article = await create(client, await login(user))
    path, headers = f"/api/articles/{article['slug']}", await login(admin)

    assert (await client.get(path, headers=headers)).status_code == 200
    assert (await client.put(path, json={"article": {"title": "X"}}, headers=headers)).status_code == 404
    assert (await client.delete(path, headers=headers)).status_code == 404
    assert (await client.get(path)).json()["article"]["title"] == NEW["title"]


async def test_two_articles_may_have_one_title(client: AsyncClient, user: User, login: Login) -> None:
    headers = await login(user)

    first, second = [await create(client, headers) for _ in range(2)]
    feed = await create(client, headers, title="Feed!")

    assert second["slug"].startswith(f"{first['slug']}-")
    assert (await client.get(f"/api/articles/{feed['slug']}")).json()["article"]["title"] == "Feed!"
    assert (await client.get("/api/tags")).json() == {"tags": ["dragons", "old"]}


@pytest.mark.parametrize("wrong", [{"title": ""}, {"title": "a\nb"}, {"tagList": [""]}, {"body": "\0"}])
async def test_a_wrong_article_is_refused(client: AsyncClient, user: User, login: Login, wrong: dict[str, Any]) -> None:
    answer = await client.post("/api/articles", json={"article": NEW | wrong}, headers=await login(user))

    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"][:3] == ["body", "article", *wrong]


async def test_lists_are_filtered(client: AsyncClient, db: AsyncSession, user: User, login: Login) -> None:
    author = UserFactory.build(username="Grace")
    tag = TagFactory.build(name="dragons")
    tagged = ArticleFactory.build(title="tagged", tags=[tag])
    hers = ArticleFactory.build(title="hers", author=author, tags=[])
    db.add_all([tagged, hers])
    await db.flush()
    db.add(Favorite(article_id=tagged.id, user_id=user.id))
    await db.commit()

    assert await titles(client) == ["hers", "tagged"]
    assert await titles(client, "?limit=1&offset=1") == ["tagged"]
    assert await titles(client, "?tag=dragons") == ["tagged"]
    assert await titles(client, "?author=grace") == ["hers"]
    assert await titles(client, "?favorited=alice") == ["tagged"]
    assert await titles(client, "?favorited=alice&author=grace") == []
    assert await titles(client, "?author=nobody") == []


async def test_the_feed_has_the_articles_of_followed_users(
    client: AsyncClient, db: AsyncSession, user: User, login: Login
) -> None:
    author = UserFactory.build()
    db.add_all([user, ArticleFactory.build(title="followed", author=author), ArticleFactory.build()])
    await db.flush()
    db.add(Follow(follower_id=user.id, followed_id=author.id))
    await db.commit()

    headers = await login(user)
    answer = await client.get("/api/articles/feed", headers=headers)

    (article,) = answer.json()["articles"]
    assert (article["title"], article["author"]["following"]) == ("followed", True)
    assert "body" not in article
    assert (await client.get("/api/articles/feed")).status_code == 401


async def test_users_like_an_article(
    client: AsyncClient, db: AsyncSession, user: User, admin: User, login: Login
) -> None:
    article = ArticleFactory.build()
    db.add(article)
    await db.commit()
    path, counted = f"/api/articles/{article.slug}", []

    for caller, method in ((user, "POST"), (user, "POST"), (admin, "POST"), (user, "DELETE"), (user, "DELETE")):
        answer = await client.request(method, f"{path}/favorite", headers=await login(caller))
        counted.append((answer.json()["article"]["favorited"], answer.json()["article"]["favoritesCount"]))

    assert counted == [(True, 1), (True, 1), (True, 2), (False, 1), (False, 1)]
    assert (await client.get(path)).json()["article"]["favorited"] is False


async def test_a_longer_page_needs_no_more_queries(
    client: AsyncClient, db: AsyncSession, user: User, login: Login
) -> None:
    headers, counts = await login(user), []
    for _ in range(2):
        db.add_all([ArticleFactory.build(tags=[TagFactory.build()]) for _ in range(3)])
        await db.commit()
        counts.append(await queries_of(client, headers))

    assert counts[0] == counts[1] == 6  # the user; the page, its tags and its count; favorites; whom the user follows


async def queries_of(client: AsyncClient, headers: dict[str, str]) -> int:
    asked = list[str]()

    def note(*arguments: object) -> None:
        asked.append(str(arguments[2]))

    event.listen(Engine, "before_cursor_execute", note)
    try:
        (await client.get("/api/articles", headers=headers)).raise_for_status()
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    return len(asked)
