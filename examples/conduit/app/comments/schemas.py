"""Bodies of requests and answers."""

from typing import Annotated, Self
from uuid import UUID

from pydantic import BaseModel, Field, StringConstraints

from app.articles import Camel, Moment
from app.comments.models import Comment
from app.core.db import STORABLE
from app.profiles import ProfileRead

CommentBody = Annotated[
    str, StringConstraints(min_length=1, max_length=10_000), STORABLE, Field(examples=["Thank you so much!"])
]


class CommentCreate(BaseModel):
    body: CommentBody


class CommentRead(Camel):
    id: UUID
    created_at: Moment
    updated_at: Moment
    body: str = Field(examples=["Thank you so much!"])
    author: ProfileRead

    @classmethod
    def of(cls, comment: Comment, followed: set[UUID]) -> Self:
        """The author must be loaded. `followed` has the ids of users whom the reader follows."""
        return cls(
            id=comment.id,
            created_at=comment.created_at,
            updated_at=comment.updated_at,
            body=comment.body,
            author=ProfileRead.of(comment.author, following=comment.author_id in followed),
        )


class CommentAnswer(BaseModel):
    comment: CommentRead


class CommentsAnswer(BaseModel):
    comments: list[CommentRead]
