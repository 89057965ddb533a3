"""Changes inside sqladmin. Only this module uses undocumented names of it.

sqladmin is extended by overriding its methods. If a new version renamed such a method, a secret column could show or a
closed route could open, without any error. So pyproject.toml caps its version, and `@override` marks each method that
replaces one of sqladmin's. The application refuses to start if such a name is gone, or if sqladmin has other routes.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from inspect import getattr_static
from itertools import chain
from types import MethodType
from typing import Any
from urllib.parse import quote

from sqladmin import Admin, ModelView
from sqladmin.fields import JSONField
from sqladmin.forms import ModelConverter
from sqladmin.models import BaseView
from sqlalchemy import Column, ColumnElement, Select, inspect, select
from sqlalchemy.orm import Mapper, synonym
from starlette import status
from starlette.datastructures import URL, FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.routing import BaseRoute, Route
from typing_extensions import override

from app.admin.values import in_list, key_of, key_values
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
SHOWN = ("column_list", "column_details_list", "column_export_list")
NAMING = (
    *SHOWN,
    "column_exclude_list",
    "column_details_exclude_list",
    "column_export_exclude_list",
    "column_searchable_list",
    "column_sortable_list",
    "form_columns",
    "form_excluded_columns",
)
"""Options of sqladmin that name attributes. With a wrong name, a page would fail, or show an empty column."""


def check_overrides(*classes: type) -> None:
    """Raises StartError if a class or one of its bases overrides a name that sqladmin does not have."""
    for cls in chain.from_iterable(each.__mro__ for each in classes):
        for name in () if _is_sqladmins(cls) else _overridden(cls):
            if not any(name in vars(base) for base in cls.__mro__[1:]):
                raise StartError(
                    f"{cls.__module__}.{cls.__name__} overrides {name}, but the installed sqladmin does not have it: "
                    "correct the name, or install the version of sqladmin in requirements.txt."
                )


def check_columns(view: "SafeModelView") -> None:
    """Raises StartError if an option names what the model does not have, or a filter that is none."""
    cls = next(each for each in type(view).__mro__ if not _is_sqladmins(each))  # `views` makes a subclass with sqladmin
    page = f"{cls.__module__}.{cls.__name__}"
    for option in NAMING:
        names = getattr(view, option)
        for name in () if isinstance(names, str) else names:  # the text is "__all__"
            is_made = option in SHOWN and name in view.column_formatters
            if isinstance(name, str) and not (is_made or _has(view.mapper, name)):
                model = view.model.__name__
                raise StartError(f"{page} names {name!r} in {option}, but {model} has no such attribute: correct it.")
    for each in view.column_filters:
        if not hasattr(each, "parameter_name"):
            raise StartError(f"{page} has {each} in column_filters: write OperationColumnFilter({each}).")


def _follow(mapper: Mapper[Any], path: str) -> tuple[Mapper[Any], str]:
    """Return the model and the attribute to which `path` leads. It may lead to a related row, as in `author.name`.

    Raises KeyError for a relation that does not exist.
    """
    *relations, name = path.split(".")
    for each in relations:
        mapper = mapper.relationships[each].mapper
    return mapper, name


def _has(mapper: Mapper[Any], path: str) -> bool:
    try:
        mapper, name = _follow(mapper, path)
    except KeyError:
        return False
    # Not `hasattr`: it would compute a hybrid, which may fail for the class.
    return getattr_static(mapper.class_, name, None) is not None


def _is_sqladmins(cls: type) -> bool:
    return cls.__module__.partition(".")[0] == "sqladmin"


def _overridden(cls: type) -> Iterator[str]:
    for name, value in vars(cls).items():
        if getattr(getattr(value, "__func__", value), "__override__", False) or OPTION.fullmatch(name):
            yield name


class ClosedAdmin(Admin):
    """sqladmin's site with only the routes that we know, and without links that change something."""

    @staticmethod
    @override
    def get_save_redirect_url(request: Request, form: FormData, model_view: ModelView, obj: Any) -> str | URL:
        url = Admin.get_save_redirect_url(request, form, model_view, obj)
        edit = request.url_for("admin:edit", identity=request.path_params["identity"], pk=key_of(obj))
        return model_view._build_url_for("admin:edit", request, obj) if url == edit else url

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
        """In sqladmin, a link runs an action. Allow only POST, which `static/posts.js` sends."""
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
        self.visible_columns = [name for name, column in self.mapper.columns.items() if not _is_secret(column)]
        for mapper in (self.mapper, *(relation.mapper for relation in self.mapper.relationships)):
            _name_keys(mapper)
        check_columns(self)
        super().__init__()

    @override
    def _build_column_list(self, defaults: list[str], include: Any = None, exclude: Any = None) -> list[str]:
        """Leave out the secret columns from every list of columns."""
        names = super()._build_column_list(defaults, include, exclude)
        is_named = bool(include) and include != "__all__"
        return [name for name in names if self._is_column(name) or (is_named and not self._is_secret(name))]

    def _is_column(self, name: str) -> bool:
        return name in self.visible_columns or name in self._relation_names

    def _is_secret(self, path: str) -> bool:
        """`path` may lead to what is no column: a property or a synonym, for example."""
        mapper, name = _follow(self.mapper, path)
        name = mapper.synonyms[name].name if name in mapper.synonyms else name
        return name in mapper.columns and _is_secret(mapper.columns[name])

    @override
    def _stmt_by_identifier(self, identifier: str) -> Select[Any]:
        """Answer 404 to an invalid key."""
        values = key_values(identifier, self.model)
        if values is None:
            raise HTTPException(status.HTTP_404_NOT_FOUND)
        pairs = zip(self.mapper.primary_key, values, strict=True)
        return select(self.model).where(*(column == value for column, value in pairs))

    @override
    def _url_for_delete(self, request: Request, obj: Any) -> str:
        url = request.url_for("admin:delete", identity=self._identity_for_object(obj))
        return str(url.include_query_params(pks=in_list(obj)))

    @override
    def _build_url_for(self, name: str, request: Request, obj: Any) -> URL:
        """Escape the key: it may have any characters."""
        return request.url_for(name, identity=self._identity_for_object(obj), pk=quote(key_of(obj), safe=""))

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
    def overridden_fields(self) -> set[str]:
        """Names of attributes for which the page has a field of its own."""
        return set(self._form_overrides)

    @property
    def edited_relations(self) -> list[str]:
        return list(self._form_relation_names)

    @property
    def converted_relations(self) -> set[str]:
        """Relations without a field of the page's own."""
        return set(self._form_relation_names) - self.overridden_fields

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


def _name_keys(mapper: Mapper[Any]) -> None:
    """sqladmin reads keys by the names of columns. So let each be the name of an attribute, too."""
    columns = {name: column for name, column in mapper.columns.items() if isinstance(column, Column)}
    for name, column in columns.items():
        is_key = column.primary_key or column.foreign_keys
        if is_key and column.name not in mapper.all_orm_descriptors:
            mapper.add_property(column.name, synonym(name))


def _is_secret(column: ColumnElement[Any]) -> bool:
    """An SQL expression (`column_property`) is no secret."""
    return isinstance(column, Column) and bool(column.info.get("secret"))


class RowConverter(ModelConverter):
    """sqladmin's maker of form fields. `choices` lists the rows of a related model."""

    @override
    async def _prepare_select_options(self, prop: Any, session_maker: Any) -> list[tuple[str, Any]]:
        return await self.choices(prop, session_maker)

    async def choices(self, prop: Any, session_maker: Any) -> list[tuple[str, Any]]:
        """Return pairs of a key and a label."""
        return await super()._prepare_select_options(prop, session_maker)


class ShownJSONField(JSONField):
    """sqladmin shows {} in place of NULL and of other empty values."""

    @override
    def _value(self) -> str:
        if self.raw_data:
            return str(self.raw_data[0])
        if self.data is None:
            return ""
        text = json.dumps(self.data, ensure_ascii=False)
        return text if is_text(text) else json.dumps(self.data)
