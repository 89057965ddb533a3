"""What this project changes inside sqladmin: the one module that uses names of it that are not documented.

sqladmin is made to be extended by overriding. If it renamed a method that this project overrides, a secret column could
show or a closed route could open, and nothing would say so. So pyproject.toml caps its version, each method that
replaces one of its own is marked with `@override`, and the application refuses to start when such a name is gone, or
when there are other routes.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain
from types import MethodType
from typing import Any

from sqladmin import Admin, ModelView
from sqladmin.helpers import object_identifier_values
from sqladmin.models import BaseView
from sqlalchemy import BigInteger, Column, Select, inspect
from sqlalchemy.orm import Mapper
from starlette import status
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.routing import BaseRoute, Route
from typing_extensions import override

from app.core.db import is_text
from app.core.registry import StartError

OPEN_ROUTES = (*("ajax_lookup", "create", "delete", "details", "edit", "export", "index", "list", "login", "statics"),)
# The first two take any text in a row for the path of a file and serve that file. An import would not follow the rules
# of a page. A logout changes something, so it must not be a link: the site has its own route for it.
CLOSED_ROUTES = ("file_download", "file_preview", "import", "logout")
MAX_CHOSEN = 5000
"""Rows that a field of a form shows as chosen. A form with more would be too large to be sent."""
MAX_FIELDS = MAX_CHOSEN + 1000
# Values in the class of a page that belong to sqladmin: `can_crate = False` would forbid nothing.
OPTION = re.compile("(can|column|form)_.*")


def check_overrides(*classes: type) -> None:
    """Raises StartError where a class, or one that it is based on, overrides what sqladmin does not have any more."""
    for cls in chain.from_iterable(each.__mro__ for each in classes):
        for name in () if _is_sqladmins(cls) else _overridden(cls):
            if not any(name in vars(base) for base in cls.__mro__[1:]):
                raise StartError(
                    f"{cls.__module__}.{cls.__name__} overrides {name}, which the installed sqladmin does not have: "
                    "correct the name, or install the sqladmin that requirements.txt names."
                )


def _is_sqladmins(cls: type) -> bool:
    return cls.__module__.partition(".")[0] == "sqladmin"


def _overridden(cls: type) -> Iterator[str]:
    for name, value in vars(cls).items():
        if getattr(getattr(value, "__func__", value), "__override__", False) or OPTION.fullmatch(name):
            yield name


class ClosedAdmin(Admin):
    """sqladmin's site with only the routes that this project knows, and without links that change something."""

    def close_routes(self) -> None:
        """Raises StartError where sqladmin has other routes than this project knows: a new one may need closing."""
        known = Counter((*OPEN_ROUTES, *CLOSED_ROUTES))
        found = Counter(map(_name, self.admin.routes))
        if found != known:
            names = ", ".join(sorted(((found - known) | (known - found)).keys()))
            raise StartError(
                f"The installed sqladmin has other routes than app/admin/overrides.py knows ({names}): "
                "install the sqladmin that requirements.txt names."
            )
        self.admin.router.routes = [route for route in self.admin.routes if _name(route) in OPEN_ROUTES]

    def find_view(self, identity: str) -> ModelView:
        """Raises HTTPException with 404."""
        return self._find_model_view(identity)

    @override
    def _handle_action_decorated_func(self, func: MethodType, view: type[BaseView], view_instance: BaseView) -> None:
        """sqladmin lets a link do what an action does; `static/admin.js` posts it."""
        before = len(self.admin.router.routes)
        super()._handle_action_decorated_func(func, view, view_instance)
        for route in self.admin.router.routes[before:]:
            if isinstance(route, Route):
                route.methods = {"POST"}

    @staticmethod
    @override
    async def _handle_form_data(request: Request, obj: Any = None) -> FormData:
        async with request.form(max_fields=MAX_FIELDS) as form:
            for _, value in form.multi_items():
                if not is_text(value):
                    detail = "Neither files nor NUL characters are allowed."
                    raise HTTPException(status.HTTP_422_UNPROCESSABLE_CONTENT, detail)
            return form


def _name(route: BaseRoute) -> str:
    return str(getattr(route, "name", ""))


class SafeModelView(ModelView):
    """sqladmin's page of a model, which never shows a secret column and knows what cannot be a key."""

    def __init__(self) -> None:
        mapper: Mapper[Any] = inspect(self.model)
        self.visible_columns = [name for name, column in mapper.columns.items() if not column.info.get("secret")]
        super().__init__()

    @override
    def _build_column_list(self, defaults: list[str], include: Any = None, exclude: Any = None) -> list[str]:
        """Of each list of columns: those of secrets are never in it."""
        names = super()._build_column_list(defaults, include, exclude)
        return [name for name in names if name in self.visible_columns or name in self._relation_names]

    @override
    def _stmt_by_identifier(self, identifier: str) -> Select[Any]:
        """Answers 404 to what cannot be a key."""
        if key_values(identifier, self.model) is None:
            raise HTTPException(status.HTTP_404_NOT_FOUND)
        return super()._stmt_by_identifier(identifier)

    @property
    def listed_columns(self) -> list[str]:
        return list(self._list_prop_names)

    @property
    def listed_relations(self) -> list[Any]:
        return list(self._list_relations)

    @property
    def searched_columns(self) -> list[str]:
        return list(self._search_fields)

    @property
    def sortable_columns(self) -> list[str]:
        return list(self._sort_fields)

    @property
    def default_sort(self) -> tuple[str, bool]:
        """The first column that a list is sorted by, and whether it is descending."""
        name, descending = self._get_default_sort()[0]
        return self._get_prop_name(name), descending

    def allow_sorting_by(self, names: Iterable[str]) -> None:
        self._sort_fields = [*names]

    def label_columns(self, labels: dict[str, str]) -> None:
        """Labels that a page itself has win."""
        self._column_labels = labels | self._column_labels


def key_values(key: str, model: type) -> tuple[Any, ...] | None:
    """Return None for what cannot be a key: another word than a UUID, or a number that the column cannot hold."""
    try:
        values: tuple[Any, ...] = object_identifier_values(key, model)
    except (ValueError, TypeError, ArithmeticError):
        return None
    return values if all(map(_fits, inspect(model).primary_key, values)) else None


def _fits(column: Column[Any], value: Any) -> bool:
    bits = 64 if isinstance(column.type, BigInteger) else 32  # of PostgreSQL's, the sign included
    return not isinstance(value, int) or value.bit_length() < bits
