"""Bodies of requests and answers."""

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, StringConstraints, WithJsonSchema
from pydantic.alias_generators import to_camel

from app.articles.models import Article
from app.core.db import MAX_LIMIT, ONE_LINE, STORABLE, Paging, Text
from app.profiles import ProfileRead

Title = Annotated[str, StringConstraints(min_length=1, max_length=200), ONE_LINE, Field(examples=["A beginning"])]
Description = Annotated[str, StringConstraints(max_length=500), STORABLE, Field(examples=["How it began"])]
ArticleBody = Annotated[
    str, StringConstraints(min_length=1, max_length=100_000), STORABLE, Field(examples=["Once upon a time …"])
]
TagName = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=50), ONE_LINE, Field(examples=["dragons"])
]


def _in_milliseconds(moment: dt.datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


Moment = Annotated[
    dt.datetime, PlainSerializer(_in_milliseconds), WithJsonSchema({"type": "string", "format": "date-time"})
]


class Camel(BaseModel):
    """Its fields have camel case in JSON, as in `tagList`."""

    model_config = ConfigDict(alias_generator=to_camel, validate_by_name=True, validate_by_alias=True)


class ArticleCreate(Camel):
    title: Title
    description: Description
    body: ArticleBody
    tag_list: list[TagName] = Field([], max_length=20)


class ArticleUpdate(Camel):
    """Fields that are left out or null stay as they are. The slug stays, so that links work."""

    title: Title | None = None
    description: Description | None = None
    body: ArticleBody | None = None


@dataclass(frozen=True)
class Seen:
    """What a page shows besides the articles: numbers of favorites, and what the reader likes and whom they follow."""

    favorites: Mapping[UUID, int]
    favorited: set[UUID]
    followed: set[UUID]


class ArticleSummary(Camel):
    slug: str = Field(examples=["a-beginning"])
    title: str = Field(examples=["A beginning"])
    description: str = Field(examples=["How it began"])
    tag_list: list[str] = Field(examples=[["dragons"]])
    created_at: Moment
    updated_at: Moment
    favorited: bool = Field(description="Whether the caller likes it.")
    favorites_count: int = Field(examples=[1])
    author: ProfileRead

    @classmethod
    def of(cls, article: Article, seen: Seen) -> Self:
        """The author and the tags must be loaded."""
        values = {
            "tag_list": [tag.name for tag in article.tags],
            "favorited": article.id in seen.favorited,
            "favorites_count": seen.favorites.get(article.id, 0),
            "author": ProfileRead.of(article.author, following=article.author_id in seen.followed),
        }
        columns = {name: getattr(article, name) for name in cls.model_fields.keys() - values.keys()}
        return cls.model_validate(columns | values)


class ArticleRead(ArticleSummary):
    body: str = Field(examples=["Once upon a time …"])


class ArticleAnswer(BaseModel):
    article: ArticleRead


class ArticlesAnswer(Camel):
    articles: list[ArticleSummary]
    articles_count: int

    @classmethod
    def of(cls, articles: Iterable[Article], seen: Seen, count: int) -> Self:
        return cls(articles=[ArticleSummary.of(article, seen) for article in articles], articles_count=count)


class FeedQuery(Paging):
    limit: int = Field(20, ge=1, le=MAX_LIMIT, description="How many articles to return, at most.")


class ArticleQuery(FeedQuery):
    tag: Text | None = None
    author: Text | None = Field(None, description="A username.")
    favorited: Text | None = Field(None, description="The name of a user who likes the articles.")


class TagsAnswer(BaseModel):
    tags: list[str] = Field(examples=[["dragons"]])
