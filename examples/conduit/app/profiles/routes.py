from typing import Annotated

from fastapi import APIRouter, Depends

from app.accounts import CurrentUser, OptionalUser, User
from app.core.db import Db, Text
from app.core.web import get_or_404, raises
from app.profiles import queries
from app.profiles.schemas import ProfileAnswer, ProfileRead

router = APIRouter(prefix="/api/profiles/{username}", tags=["profiles"])


@raises(404)
async def find_profile(username: Text, db: Db) -> User:
    return await get_or_404(db, User, User.username_folded == username.casefold(), User.disabled.is_(False))


Found = Annotated[User, Depends(find_profile)]


@router.get("")
async def read_profile(reader: OptionalUser, found: Found, db: Db) -> ProfileAnswer:
    followed = await queries.followed_by(db, reader, [found.id])
    return ProfileAnswer(profile=ProfileRead.of(found, following=found.id in followed))


@router.post("/follow")
async def follow_profile(user: CurrentUser, found: Found, db: Db) -> ProfileAnswer:
    await queries.follow(db, user.id, found.id)
    return ProfileAnswer(profile=ProfileRead.of(found, following=True))


@router.delete("/follow")
async def unfollow_profile(user: CurrentUser, found: Found, db: Db) -> ProfileAnswer:
    await queries.unfollow(db, user.id, found.id)
    return ProfileAnswer(profile=ProfileRead.of(found, following=False))
