from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Body, status
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from app.accounts import CurrentUser, OptionalUser, User
from app.articles import FoundArticle
from app.comments.models import Comment
from app.comments.schemas import CommentAnswer, CommentCreate, CommentRead, CommentsAnswer
from app.core.db import MAX_LIMIT, Db
from app.core.web import get_or_404, raises
from app.profiles import followed_by

router = APIRouter(prefix="/api/articles/{slug}/comments", tags=["comments"])

IN_COMMENT = Body(embed=True, alias="comment")


@router.get("")
async def list_comments(reader: OptionalUser, article: FoundArticle, db: Db) -> CommentsAnswer:
    """The newest comments first."""
    rows = select(Comment).where(Comment.article_id == article.id).options(joinedload(Comment.author))
    newest = rows.order_by(Comment.created_at.desc(), Comment.id.desc()).limit(MAX_LIMIT)
    comments = (await db.scalars(newest)).all()
    followed = await followed_by(db, reader, {comment.author_id for comment in comments})
    return CommentsAnswer(comments=[CommentRead.of(comment, followed) for comment in comments])


@router.post("")
async def create_comment(
    user: CurrentUser, article: FoundArticle, new: Annotated[CommentCreate, IN_COMMENT], db: Db
) -> CommentAnswer:
    comment = Comment(article_id=article.id, author=await db.get_one(User, user.id), body=new.body)
    db.add(comment)
    await db.commit()
    return CommentAnswer(comment=CommentRead.of(comment, await followed_by(db, user, [user.id])))


@router.delete("/{comment_id}", status_code=status.HTTP_204_NO_CONTENT)
@raises(404)
async def delete_comment(user: CurrentUser, article: FoundArticle, comment_id: UUID, db: Db) -> None:
    own = (Comment.article_id == article.id, Comment.author_id == user.id)
    await db.delete(await get_or_404(db, Comment, Comment.id == comment_id, *own))
    await db.commit()
