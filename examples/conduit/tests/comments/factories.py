"""Rows for tests, see docs/testing.md."""

from app.comments.models import Comment
from tests.accounts.factories import UserFactory
from tests.articles.factories import ArticleFactory
from tests.factories import ModelFactory


class CommentFactory(ModelFactory[Comment]):
    article = ArticleFactory
    author = UserFactory
    body = "Thank you so much!"
