"""Changes inside sqladmin. Only this module uses undocumented names of it.

sqladmin is extended by overriding its methods. If a new version renamed such a method, a secret column could show or a
closed route could open, without any error. So pyproject.toml caps its version, and `@override` marks each method that
replaces one of sqladmin's. The application refuses to start if such a name is gone, or if sqladmin has other routes.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from types import MethodType
from typing import Any

from sqladmin import Admin, ModelView
from sqladmin.forms import ModelConverter
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
# The first two would serve any file whose path is a text in a row. An import would ignore the rules of a page. A logout
# changes something, so it must not be a link: the site has its own route for it.
CLOSED_ROUTES = ("file_download", "file_preview", "import", "logout")
MAX_CHOSEN = 5000
"""A field shows at most this many chosen rows. With more, the form would be too large to send."""
MAX_FIELDS = MAX_CHOSEN + 1000
# Options of sqladmin in the class of a page. They are checked too: a misspelt `can_crate = False` would forbid nothing.
OPTION = re.compile("(can|column|form)_.*")


def check_overrides(*classes: type) -> None:
    """Raises StartError if a class or one of its bases overrides a name that sqladmin does not have."""
    for cls in chain.from_iterable(each.__mro__ for each in classes):
        for name in () if _is_sqladmins(cls) else _overridden(cls):
            if not any(name in vars(base) for base in cls.__mro__[1:]):
                raise StartError(
                    f"{cls.__module__}.{cls.__name__} overrides {name}, but the installed sqladmin does not have it: "
                    "correct the name, or install the version of sqladmin in requirements.txt."
                )


def _is_sqladmins(cls: type) -> bool:
    return cls.__module__.partition(".")[0] == "sqladmin"


def _overridden(cls: type) -> Iterator[str]:
    for name, value in vars(cls).items():
        if getattr(getattr(value, "__func__", value), "__override__", False) or OPTION.fullmatch(name):
            yield name


class ClosedAdmin(Admin):
    """sqladmin's site with only the routes that we know, and without links that change something."""

    def close_routes(self) -> None:
        """Raises StartError if sqladmin has other routes than we know: a new one may need closing."""
        known = Counter((*OPEN_ROUTES, *CLOSED_ROUTES))
        found = Counter(map(_name, self.admin.routes))
        if found != known:
            names = ", ".join(sorted(((found - known) | (known - found)).keys()))
            raise StartError(
                f"The installed sqladmin has other routes than app/admin/overrides.py knows ({names}): "
                "install the version of sqladmin in requirements.txt."
            )
        self.admin.router.routes = [route for route in self.admin.routes if _name(route) in OPEN_ROUTES]

    def find_view(self, identity: str) -> ModelView:
        """Raises HTTPException with 404."""
        return self._find_model_view(identity)

    @override
    def _handle_action_decorated_func(self, func: MethodType, view: type[BaseView], view_instance: BaseView) -> None:
        """In sqladmin, a link runs an action. Allow only POST, which `static/admin.js` sends."""
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
                    detail = "Files and NUL characters are not allowed."
                    raise HTTPException(status.HTTP_422_UNPROCESSABLE_CONTENT, detail)
            return form


def _name(route: BaseRoute) -> str:
    return str(getattr(route, "name", ""))


class SafeModelView(ModelView):
    """sqladmin's page of a model. It never shows a secret column, and recognizes invalid keys."""

    def __init__(self) -> None:
        self.visible_columns = [name for name, column in self.mapper.columns.items() if not column.info.get("secret")]
        super().__init__()

    @override
    def _build_column_list(self, defaults: list[str], include: Any = None, exclude: Any = None) -> list[str]:
        """Leave out the secret columns from every list of columns."""
        names = super()._build_column_list(defaults, include, exclude)
        return [name for name in names if name in self.visible_columns or name in self._relation_names]

    @override
    def _stmt_by_identifier(self, identifier: str) -> Select[Any]:
        """Answer 404 to an invalid key."""
        if key_values(identifier, self.model) is None:
            raise HTTPException(status.HTTP_404_NOT_FOUND)
        return super()._stmt_by_identifier(identifier)

    @property
    def mapper(self) -> Mapper[Any]:
        return inspect(self.model)

    @property
    def labels(self) -> dict[str, str]:
        return self._column_labels

    @property
    def site_views(self) -> Sequence[BaseView]:
        """All pages of the site that this one is on."""
        return self._admin_ref.views

    @property
    def edited_columns(self) -> list[str]:
        """Names of columns that the form has; relations are in `edited_relations`."""
        return [name for name in self._form_prop_names if name not in self._relation_names]

    @property
    def edited_relations(self) -> list[str]:
        return list(self._form_relation_names)

    @property
    def converted_relations(self) -> set[str]:
        """Relations without a field of the page's own."""
        return set(self._form_relation_names).difference(self._form_overrides)

    @property
    def lookups(self) -> dict[str, Any]:
        """What searches the rows of a relation, by the relation's name."""
        return self._form_ajax_refs

    @property
    def create_rules(self) -> list[str]:
        return self._form_create_rules

    @property
    def edit_rules(self) -> list[str]:
        return self._form_edit_rules

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
        """The first column of the sort order, and whether it is descending."""
        name, descending = self._get_default_sort()[0]
        return self._get_prop_name(name), descending

    def allow_sorting_by(self, names: Iterable[str]) -> None:
        self._sort_fields = [*names]

    def label_columns(self, labels: dict[str, str]) -> None:
        """Labels in the page's class win."""
        self._column_labels = labels | self._column_labels


class RowConverter(ModelConverter):
    """sqladmin's maker of form fields. `choices` lists the rows of a related model."""

    @override
    async def _prepare_select_options(self, prop: Any, session_maker: Any) -> list[tuple[str, Any]]:
        return await self.choices(prop, session_maker)

    async def choices(self, prop: Any, session_maker: Any) -> list[tuple[str, Any]]:
        """Return pairs of a key and a label."""
        return await super()._prepare_select_options(prop, session_maker)


def key_values(key: str, model: type) -> tuple[Any, ...] | None:
    """Return None for an invalid key: text that is not a UUID, or a number that is too large for the column."""
    try:
        values: tuple[Any, ...] = object_identifier_values(key, model)
    except (ValueError, TypeError, ArithmeticError):
        return None
    return values if all(map(_fits, inspect(model).primary_key, values)) else None


def _fits(column: Column[Any], value: Any) -> bool:
    bits = 64 if isinstance(column.type, BigInteger) else 32  # in PostgreSQL, with the sign
    return not isinstance(value, int) or value.bit_length() < bits
