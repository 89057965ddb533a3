"""The site must not start if sqladmin has renamed an overridden method or has unknown routes."""

from collections.abc import Iterator
from inspect import getattr_static
from types import new_class
from typing import Any, ClassVar

import pytest
from fastapi import FastAPI
from sqladmin import Admin, ModelView
from sqladmin.forms import ModelConverter
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.requests import Request
from starlette.routing import Mount, Route

from app.accounts.admin import UserAdmin
from app.accounts.models import Group, Session
from app.admin.application import Site
from app.admin.editing.fields import FieldConverter
from app.admin.overrides import OPEN_ROUTES, check_overrides
from app.admin.site import ModelAdmin
from app.core.registry import StartError
from tests.admin.conftest import ClientOf
from tests.conftest import ClientWith


def overridden() -> Iterator[tuple[type, str]]:
    """Yield each class of sqladmin with the names in it that our classes override."""
    for ours, theirs in ((Site, Admin), (UserAdmin, ModelView), (FieldConverter, ModelConverter)):
        for cls in ours.__mro__[: ours.__mro__.index(theirs)]:
            for name, value in vars(cls).items():
                if getattr(getattr(value, "__func__", value), "__override__", False):
                    yield from ((base, name) for base in theirs.__mro__ if name in vars(base))


def test_what_decides_is_overridden() -> None:
    """Without any name, the test below would pass too."""
    names = {name for _, name in overridden()}

    assert {"_build_column_list", "_handle_action_decorated_func", "_handle_form_data", "delete"} <= names


@pytest.mark.parametrize(("cls", "name"), sorted(set(overridden()), key=str))
def test_a_name_that_has_gone_stops_the_start(cls: type, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cls, f"{name}_renamed", getattr_static(cls, name), raising=False)
    monkeypatch.delattr(cls, name)
    with pytest.raises(StartError, match=f" overrides {name}, but the installed sqladmin does not have it"):
        check_overrides(Site, UserAdmin, FieldConverter)


def test_a_slip_in_an_option_stops_the_start() -> None:
    class GroupAdmin(ModelAdmin, model=Group):
        can_crate = False

    with pytest.raises(StartError, match="overrides can_crate, but"):
        check_overrides(GroupAdmin)


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("column_list", ["nam"], "'nam' in column_list, but Session has no"),
        ("column_details_list", ["user.nam"], "'user.nam' in column_details_list, but"),
        ("column_export_list", ["usr.username"], "'usr.username' in column_export_list, but"),
        ("column_searchable_list", ["nam"], "'nam' in column_searchable_list, but"),
        ("form_columns", ["user_agent", "nam"], "'nam' in form_columns, but"),
        ("form_excluded_columns", ["nam"], "'nam' in form_excluded_columns, but"),
        ("column_filters", [Session.created_at], r"write OperationColumnFilter\(Session.created_at\)"),
    ],
)
async def test_a_slip_in_the_name_of_a_column_stops_the_start(
    client_of: ClientOf, option: str, value: object, said: str
) -> None:
    options = {option: value, "__module__": __name__}
    page = new_class("SlippedAdmin", (ModelAdmin,), {"model": Session}, lambda body: body.update(options))

    with pytest.raises(StartError, match=rf"^{__name__}\.SlippedAdmin .*{said}"):
        await client_of(page)


def test_a_page_may_name_what_is_no_column() -> None:
    class SessionAdmin(ModelAdmin, model=Session):
        column_list: ClassVar = [Session.id, "user.username", "registry", "made"]
        column_formatters: ClassVar = {"made": lambda row, name: "by a formatter"}
        column_export_list: ClassVar[Any] = "__all__"

    SessionAdmin()


@pytest.mark.parametrize("changed", ["import", "list", None])
async def test_other_routes_stop_the_start(
    changed: str | None, client_with: ClientWith, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A renamed route of sqladmin, open or closed here, and a new one."""
    build: Any = Admin.__init__

    def init(self: Admin, *args: Any, **kwargs: Any) -> None:
        build(self, *args, **kwargs)
        routes = self.admin.router.routes
        for route in routes:
            if isinstance(route, Route) and route.name == changed:
                route.name = "other"
        if changed is None:
            routes.append(Route("/other", self.index, name="other"))

    monkeypatch.setattr(Admin, "__init__", init)

    with pytest.raises(StartError, match=r"other routes than .*\bother\b"):
        await client_with()


async def test_only_known_routes_are_open(application: FastAPI) -> None:
    (site,) = (route for route in application.routes if isinstance(route, Mount) and route.name == "admin")

    names = {str(getattr(route, "name", "")) for route in site.routes}

    assert {name for name in names if not name.startswith(("action-", "view-"))} == {*OPEN_ROUTES, "logout"}


class HiddenAdmin(ModelAdmin, model=Group):
    def is_accessible(self, request: Request) -> bool:
        return False


class FixedAdmin(ModelAdmin, model=Group):
    can_delete = False


@pytest.mark.parametrize("page", [HiddenAdmin, FixedAdmin])
async def test_a_page_that_is_closed_deletes_nothing(page: type, client_of: ClientOf, db: AsyncSession) -> None:
    group = Group(name="editors")
    db.add(group)
    await db.commit()
    client = await client_of(page)

    answer = await client.delete(f"/admin/group/delete?pks={group.id}")

    assert (answer.status_code, answer.text) == (403, "Forbidden")
    assert await db.scalar(select(Group.name)) == "editors"
