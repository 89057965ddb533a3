"""Routes that need a permission.

@router.get("/posts", dependencies=[requires("blog.view_post")])
async def read_posts(): ...                     # 403 for users without the permission
"""

from typing import Any

from fastapi import Depends, HTTPException, status

from app.accounts.authentication.backends import CurrentUser
from app.accounts.authentication.current_user import AuthenticatedUser
from app.core.web import raises


@raises(403)
class PermissionRequired:
    """A dependency that lets only users with the permission pass. It returns the caller."""

    def __init__(self, permission: str) -> None:
        self.permission = permission
        self.admits = permission

    async def __call__(self, user: CurrentUser) -> AuthenticatedUser:
        if not user.may(self.permission):
            raise HTTPException(status.HTTP_403_FORBIDDEN, f"You lack the permission {self.permission}")
        return user


def requires(permission: str) -> Any:
    """Require a permission such as `blog.view_post`. Use it in a route's `dependencies`, or instead of `CurrentUser`:
    `user: Annotated[AuthenticatedUser, requires("blog.view_post")]`.
    """
    return Depends(PermissionRequired(permission))
