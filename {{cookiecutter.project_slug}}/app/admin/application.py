"""The site: sqladmin with our login, permissions, errors and pages."""

import logging
from collections.abc import Iterator
from inspect import isclass
from pathlib import Path
from types import ModuleType, new_class

from fastapi import FastAPI
from sqladmin.authentication import login_required
from sqladmin.models import BaseView, ModelView
from sqlalchemy.exc import DataError, StatementError
from starlette import status
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from typing_extensions import override

from app.admin.access.authentication import StaffAuthentication, login_page
from app.admin.access.authorization import PermissionAuthorization
from app.admin.access.middleware import Shield
from app.admin.editing.changes import TextArea
from app.admin.editing.fields import FieldConverter
from app.admin.overrides import ClosedAdmin, check_overrides
from app.admin.showing.start import overview
from app.admin.site import Refused
from app.admin.values import from_list, in_list, key_of, name_of
from app.core import registry
from app.core.db import is_unfit
from app.core.permissions import app_of
from app.core.settings import TITLE
from app.core.web import admits, error_response, install_error_handlers

HERE = Path(__file__).parent
logging.getLogger("sqladmin.application").disabled = True  # it logs refusals as bugs; we log real bugs


class Site(ClosedAdmin):
    def __init__(self, app: FastAPI) -> None:
        super().__init__(
            app,
            app.state.database.engine,
            title=TITLE,
            templates_dir=str(HERE / "templates"),
            static_files_kwargs={"directory": HERE / "static"},
            middlewares=[Middleware(Shield)],
            authentication_backend=StaffAuthentication(app.state.settings),
            authorization_backend=PermissionAuthorization(),
        )
        self.admin.state = app.state
        admits("a member of staff")(self.admin)
        install_error_handlers(self.admin)
        self.admin.add_exception_handler(Refused, _refused)
        for error in (DataError, OverflowError, StatementError):
            self.admin.add_exception_handler(error, _unfit)
        self.templates.env.globals |= {"get_object_identifier": in_list, "name_of": name_of}
        self.close_routes()
        self.admin.add_route("/logout", self.logout, methods=["POST"], name="logout")
        for module in registry.modules("admin"):
            for view in views(module):
                self._add(view)
        parts = (self, self.authentication_backend, self.authorization_backend, *self.views)
        check_overrides(*map(type, parts), FieldConverter, TextArea)

    def _add(self, view: type[BaseView]) -> None:
        """Give each page its own address: models of two apps may have the same name."""
        if issubclass(view, ModelView) and view.identity in {each.identity for each in self.views}:
            view.identity = f"{app_of(view.model)}-{view.identity}"
        self.add_view(view)

    @override
    async def login(self, request: Request) -> Response:
        if request.method == "GET":
            return login_page(request, request.query_params.get("next", ""))
        return await super().login(request)

    @override
    @login_required
    async def index(self, request: Request) -> Response:
        return await self.templates.TemplateResponse(
            request, "sqladmin/index.html", await overview(request, self.views)
        )

    @override
    async def list(self, request: Request) -> Response:
        """sqladmin shows any text of `?error=`. We never send it."""
        if "error" in request.query_params:
            return RedirectResponse(request.url.remove_query_params("error"))
        answer: Response = await super().list(request)
        return answer

    @override
    async def create(self, request: Request) -> Response:
        return _or_raise(request, await super().create(request))

    @override
    async def edit(self, request: Request) -> Response:
        return _or_raise(request, await super().edit(request))

    @override
    @login_required
    async def delete(self, request: Request) -> Response:
        """Delete the rows one by one, up to the first that is refused. A script shows our plain text in a box."""
        view = self.find_view(request.path_params["identity"])
        try:
            if not view.can_delete or not view.is_accessible(request):
                raise HTTPException(status.HTTP_403_FORBIDDEN)
            for key in from_list(request.query_params.get("pks", "")):
                await _delete(request, view, key)
        except Refused as error:
            return PlainTextResponse(str(error), status.HTTP_409_CONFLICT)
        except HTTPException as error:
            return PlainTextResponse(error.detail, error.status_code, error.headers)
        return PlainTextResponse(str(request.url_for("admin:list", identity=view.identity)))


def views(module: ModuleType) -> Iterator[type[BaseView]]:
    """Yield a new subclass of each page in the module: sqladmin stores the site on the class."""
    for name, value in vars(module).items():
        if isclass(value) and value.__module__ == module.__name__ and _is_page(value):
            yield new_class(name, (value,))


def _is_page(value: type) -> bool:
    return issubclass(value, BaseView) and (hasattr(value, "model") or not issubclass(value, ModelView))


async def _refused(request: Request, error: Exception) -> Response:
    return error_response(request, status.HTTP_409_CONFLICT, str(error))


async def _unfit(request: Request, error: Exception) -> Response:
    """A key or a filter in an address may be anything."""
    if not is_unfit(error):
        raise error
    return error_response(request, status.HTTP_400_BAD_REQUEST, "A value in this address does not fit its column.")


async def _delete(request: Request, view: ModelView, key: str) -> None:
    row = await view.get_object_for_delete(key)
    if row is None:
        raise HTTPException(status.HTTP_404_NOT_FOUND)
    if not await view.check_can_delete(request, row):
        raise HTTPException(status.HTTP_403_FORBIDDEN)
    await view.delete_model(request, key_of(row))


def _or_raise(request: Request, response: Response) -> Response:
    """sqladmin shows every error on the form. Raise those that are not refusals: there are better answers for them."""
    failure: Exception | None = getattr(request.state, "failure", None)
    if failure is not None:
        raise failure
    return response
