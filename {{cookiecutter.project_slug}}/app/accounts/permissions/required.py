"""What a route asks of its caller.

@router.get("/posts", dependencies=[requires("blog.view_post")])
async def read_posts(): ...                     # for all users without the permission it is 403
"""

from typing import Any

from fastapi import Depends, HTTPException, status

from app.accounts.authentication.backends import CurrentUser
from app.accounts.authentication.current_user import AuthenticatedUser
from app.core.web import raises


@raises(403)
class PermissionRequired:
    """A dependency that lets only users with the permission pass, and hands out the caller."""

    def __init__(self, permission: str) -> None:
        self.permission = permission
        self.admits = permission

    async def __call__(self, user: CurrentUser) -> AuthenticatedUser:
        if not user.may(self.permission):
            raise HTTPException(status.HTTP_403_FORBIDDEN, f"You lack the permission {self.permission}")
        return user


def requires(permission: str) -> Any:
    """Ask for a permission such as `blog.view_post`: among a route's `dependencies`, or in place of `CurrentUser`:
    `user: Annotated[AuthenticatedUser, requires("blog.view_post")]`.
    """
    return Depends(PermissionRequired(permission))
