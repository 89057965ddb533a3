"""The admin pages of accounts. They call the same use cases as the API."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from textwrap import shorten
from typing import Any, ClassVar
from uuid import UUID

from pydantic import ValidationError
from sqladmin.filters import BooleanFilter
from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.requests import Request
from starlette.responses import Response
from typing_extensions import override
from wtforms import Form, PasswordField

from app.accounts.errors import AccountsError
from app.accounts.models import Group, Permission, Session, User, fold
from app.accounts.permissions.schemas import GroupCreate, GroupUpdate
from app.accounts.use_cases import UseCases, open_accounts
from app.accounts.users.own_fields import own_columns
from app.accounts.users.schemas import UserRegister, UserUpdate
from app.admin import ModelAdmin, Refused, acting_user, action
from app.core.db import keys_by_prefix
from app.core.web import faults

# What an empty password means.
EMPTY_IN_CREATE = "You can leave it empty. The new user then gets a mail with a link to set a password."
EMPTY_IN_EDIT = "Leave it empty to keep the password. A new password ends all sessions of the user."

# What `UserFields` shows here. The form for a new user has what the registration takes, too.
OWN = list(own_columns("admin"))
OWN_OF_NEW = [name for name in OWN if name in own_columns("registration")]


@asynccontextmanager
async def open_for(request: Request) -> AsyncIterator[UseCases]:
    """Yield the use cases. Their errors become messages for the form."""
    try:
        async with open_accounts(request.app, request) as accounts:
            yield accounts
    except AccountsError as error:
        raise Refused(str(error)) from None
    except ValidationError as error:
        raise Refused(" ".join(faults(error))) from None


class UserAdmin(ModelAdmin, model=User):
    icon = "fa-solid fa-user"
    column_list: ClassVar = [
        "username",
        "email",
        "full_name",
        "disabled",
        "is_staff",
        "is_superuser",
        "date_joined",
        "last_login",
    ]
    column_details_list: ClassVar = ["id", *column_list[:2], "email_verified", *column_list[2:], "groups", *OWN]
    column_labels: ClassVar = {"is_staff": "Staff", "is_superuser": "Superuser", "date_joined": "Joined"}
    column_searchable_list: ClassVar = ["username", "email", "full_name"]
    column_default_sort = "username"
    column_filters: ClassVar = [
        BooleanFilter("disabled"),
        BooleanFilter("is_staff", "Staff"),
        BooleanFilter("is_superuser", "Superuser"),
    ]
    form_columns: ClassVar = ["username", "email", "full_name", *OWN, "groups", "disabled", "is_staff", "is_superuser"]
    form_create_rules: ClassVar = ["username", "email", "full_name", *OWN_OF_NEW]
    form_edit_rules: ClassVar = ["full_name", *OWN, "groups", "disabled", "is_staff", "is_superuser"]

    @override
    async def scaffold_form(self, rules: list[str] | None = None) -> type[Form]:
        form = await super().scaffold_form(rules)
        form.password = PasswordField(
            "Password",
            description=EMPTY_IN_EDIT if rules == self.form_edit_rules else EMPTY_IN_CREATE,
            render_kw={"class": "form-control", "autocomplete": "new-password"},
        )
        return form

    async def perform_create(self, request: Request, data: dict[str, Any]) -> User:
        async with open_for(request) as accounts:
            return await accounts.invite_user(UserRegister(**data | {"password": data["password"] or None}))

    async def perform_update(self, request: Request, pk: str, data: dict[str, Any]) -> User:
        password = data.pop("password", None)
        async with open_for(request) as accounts:
            return await accounts.update_user(acting_user(request), UUID(pk), UserUpdate(**data), password or None)

    async def perform_delete(self, request: Request, pk: str) -> None:
        async with open_for(request) as accounts:
            await accounts.delete_user(acting_user(request), UUID(pk))


class GroupAdmin(ModelAdmin, model=Group):
    icon = "fa-solid fa-users"
    column_list: ClassVar = ["name"]
    column_details_list: ClassVar = ["id", "name", "permissions"]
    column_searchable_list: ClassVar = ["name"]
    column_default_sort = "name"
    form_columns: ClassVar = ["name", "permissions"]
    form_widget_args: ClassVar = {"permissions": {"size": 16}}

    async def perform_create(self, request: Request, data: dict[str, Any]) -> Group:
        async with open_for(request) as accounts:
            new = GroupCreate(name=data["name"], permissions=await _names(accounts.db, data["permissions"]))
            return await accounts.create_group(acting_user(request), new)

    async def perform_update(self, request: Request, pk: str, data: dict[str, Any]) -> Group:
        async with open_for(request) as accounts:
            if "permissions" in data:
                data["permissions"] = await _names(accounts.db, data["permissions"])
            return await accounts.update_group(acting_user(request), UUID(pk), GroupUpdate(**data))

    async def perform_delete(self, request: Request, pk: str) -> None:
        async with open_for(request) as accounts:
            await accounts.delete_group(UUID(pk))


class PermissionAdmin(ModelAdmin, model=Permission):
    """`migrate` makes the permissions from the models. Groups have permissions."""

    icon = "fa-solid fa-key"
    can_create = can_edit = can_delete = False
    column_list: ClassVar = ["name"]
    column_details_list: ClassVar = ["id", "name"]
    column_searchable_list: ClassVar = ["name"]
    column_default_sort = "name"


class SessionAdmin(ModelAdmin, model=Session):
    icon = "fa-solid fa-laptop"
    can_create = can_edit = can_delete = False
    column_list: ClassVar = ["user", "ip_address", "created_at", "last_used_at", "expires_at", "ended_at", "user_agent"]
    column_details_list: ClassVar = ["id", *column_list]
    column_formatters: ClassVar = {"user_agent": lambda session, _: shorten(session.user_agent, 40, placeholder=" …")}
    column_searchable_list: ClassVar = ["user"]
    column_default_sort = ("expires_at", True)

    @override
    def search(self, term: str) -> Sequence[Select[Any]]:
        """Search by the beginning of the username."""
        return [keys_by_prefix([Session.id], User.username_folded, fold(term)).where(Session.user_id == User.id)]

    @action(name="end", label="End", confirmation_message="End these sessions?")
    async def end(self, request: Request) -> Response:
        for session in await self.chosen(request):
            async with open_for(request) as accounts:
                await accounts.end_session_of_another(acting_user(request), session.id)
        return self.to_list(request)


async def _names(db: AsyncSession, ids: Sequence[str]) -> set[str]:
    """The form has the ids of permissions, but the use cases take their names."""
    return set(await db.scalars(select(Permission.name).where(Permission.id.in_(map(UUID, ids)))))
