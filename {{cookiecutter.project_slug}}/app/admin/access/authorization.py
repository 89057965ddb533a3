"""Permissions on the pages: those of the page's model. A superuser may do everything."""

from typing import Any

from sqladmin.application import BaseAdmin
from sqladmin.authorization import Action, AuthorizationBackend
from sqladmin.models import ModelView
from starlette.requests import Request
from typing_extensions import override

from app.accounts import AuthenticatedUser
from app.core.permissions import permission

# All other actions, for example those of a page, need the permission to change.
ACTIONS: dict[str, str] = {
    Action.LIST: "view",
    Action.DETAILS: "view",
    Action.EXPORT: "view",
    Action.CREATE: "add",
    Action.DELETE: "delete",
}


class PermissionAuthorization(AuthorizationBackend):
    @override
    def setup(self, admin: BaseAdmin) -> None:
        self._admin = admin

    @override
    def has_permission(self, request: Request, identity: str, action: str, obj: Any | None = None) -> bool:
        user: AuthenticatedUser = request.state.user
        for view in self._admin.views:
            if isinstance(view, ModelView) and view.identity == identity:
                return user.may(permission(ACTIONS.get(action, "change"), view.model))
        return user.is_superuser  # a page without a model
