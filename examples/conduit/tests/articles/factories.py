"""Rows for tests, see docs/testing.md."""

from app.articles.models import Article, Tag
from tests.accounts.factories import UserFactory
from tests.factories import ModelFactory, numbered


class TagFactory(ModelFactory[Tag]):
    name = numbered(lambda n: f"tag{n}")


class ArticleFactory(ModelFactory[Article]):
    author = UserFactory
    slug = numbered(lambda n: f"slug-{n}")
    title = "A beginning"
    description = "How it began"
    body = "Once upon a time …"
