"""The forms of the admin site.

A form writes only the fields that somebody changed in it. A hidden field tells what the form showed. So if somebody
else changes the row meanwhile, fields that nobody touched here keep the new values.
"""

import builtins
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqladmin.authorization import Action
from sqladmin.forms import WTFORMS_ATTRS
from sqlalchemy import Column, Select, String, cast, false, inspect, or_, select, tuple_
from sqlalchemy.orm import ColumnProperty, Mapper, RelationshipDirection, with_parent
from starlette import status
from starlette.exceptions import HTTPException
from starlette.requests import Request
from typing_extensions import override
from wtforms import Form

from app.admin.editing.changes import Changes
from app.admin.editing.fields import RESERVED, FieldConverter, has_default, shown_default
from app.admin.overrides import MAX_CHOSEN, SafeModelView
from app.admin.values import key_of, key_values, name_of
from app.core.permissions import permission

MAX_FOUND, MAX_TERM = 20, 254


class FormView(SafeModelView):
    """The part of a page that makes its forms."""

    def __init__(self) -> None:
        super().__init__()
        columns = {name: self.written_column(name) for name in self.edited_columns}
        self.written_columns = {name: column for name, column in columns.items() if column is not None}
        own = self.form_converter
        bases = (own,) if issubclass(own, FieldConverter) else (own, FieldConverter)
        self.converter = type("FieldConverter", bases, {"written_columns": self.written_columns})()
        type(self).form_converter = type(self.converter)
        for name in self.edited_relations:
            self.lookups.setdefault(name, Lookup(self, name))

    def written_column(self, name: str) -> Column[Any] | None:
        """Return the column of an attribute, or None if nobody writes it: if it is computed, for example."""
        attribute = self.mapper.attrs.get(name)
        columns: Sequence[Any] = attribute.columns if isinstance(attribute, ColumnProperty) else ()
        column = next(iter(columns), None)
        if not isinstance(column, Column) or column.computed is not None or self._is_sqlalchemys(column):
            return None
        if not (column.primary_key or column.foreign_keys) or self.form_include_pk:
            return column
        return None if self._is_in_a_relation(column) or self._is_made(columns) else column

    def _is_sqlalchemys(self, column: Column[Any]) -> bool:
        return any(column is each for each in (self.mapper.version_id_col, self.mapper.polymorphic_on))

    def _is_in_a_relation(self, column: Column[Any]) -> bool:
        relations = [self.mapper.relationships[name] for name in self.edited_relations]
        ours = [each.local_columns for each in relations if each.direction is RelationshipDirection.MANYTOONE]
        return any(column in columns for columns in ours)

    @staticmethod
    def _is_made(columns: Sequence[Column[Any]]) -> bool:
        """Tell whether a key is made for each new row. A class in joined tables has the column in both."""
        return any(
            each.primary_key and (has_default(each) or each is each.table.autoincrement_column) for each in columns
        )

    @property
    def columns_without_field(self) -> builtins.list[str]:
        """Names of columns that the form leaves out, because there is no field for their type or for their name."""
        return [
            name
            for name in self.written_columns
            if name in RESERVED
            or (name not in self.overridden_fields and self.converter.maker(self.mapper.attrs[name]) is None)
        ]

    @override
    async def scaffold_form(self, rules: list[str] | None = None) -> type[Form]:
        form = await super().scaffold_form(rules)
        keys = [name for name, column in self.written_columns.items() if column.primary_key]
        options = {"_can_save_as_new": self.save_as, "_keys": keys, "_stored": {}, "_closed": set()}
        return type(form.__name__, (Changes, form), options)

    @override
    async def get_form_data_for_edit(self, obj: Any) -> dict[str, Any]:
        async with self.session_maker() as db:
            db.add(obj)
            shown = await db.run_sync(lambda _: {name: getattr(obj, name) for name in self.written_columns})
            for name in self.edited_relations:
                shown[name] = [*(await db.scalars(self._related(obj, name))).unique()]
        return {WTFORMS_ATTRS.get(name, name): value for name, value in shown.items()}

    def _related(self, obj: Any, name: str) -> Select[Any]:
        relation = self.mapper.relationships[name]
        keys = [getattr(obj, self.mapper.get_property_by_column(column).key) for column in relation.local_columns]
        rows = select(relation.mapper.class_).limit(MAX_CHOSEN + 1)
        return rows.where(false() if None in keys else with_parent(obj, getattr(self.model, name)))

    async def rows_with(self, model: type, keys: Iterable[str]) -> Sequence[Any]:
        values = [each for each in (key_values(key, model) for key in keys) if each]
        async with self.session_maker() as db:
            has_key = tuple_(*inspect(model).primary_key).in_(values)
            return [*(await db.scalars(select(model).where(has_key))).unique()]

    async def unknown(self, data: Mapping[str, Any]) -> builtins.list[str]:
        """Return the labels of the fields with chosen rows that do not exist."""
        labels = []
        for name in self.converted_relations:
            keys = {data[name]} if isinstance(data.get(name), str) else {*(data.get(name) or ())}
            rows = await self.rows_with(self.mapper.relationships[name].mapper.class_, keys) if keys else ()
            if keys - set(map(key_of, rows)):
                labels.append(self.labels.get(name, name))
        return labels

    def left_to_defaults(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """Leave out empty values that have a default which forms do not show."""
        columns = self.written_columns
        defaults = {name for name in columns if has_default(columns[name]) and shown_default(columns[name]) is None}
        return {name: value for name, value in data.items() if name not in defaults or value not in (None, "")}

    async def find(self, request: Request, term: str) -> Sequence[Any]:
        """Return rows that fit a typed text. Forms of other pages offer them."""
        return await self.rows_that_contain(self.model, term)

    async def rows_that_contain(self, model: type, term: str) -> Sequence[Any]:
        """Search the term in the text columns. If a model has none, search in its key."""
        mapper: Mapper[Any] = inspect(model)
        columns = [each for each in mapper.columns.values() if isinstance(each, Column)]
        texts = [each for each in columns if isinstance(each.type, String) and not each.info.get("secret")]
        contains = (cast(each, String).icontains(term, autoescape=True) for each in texts or mapper.primary_key)
        async with self.session_maker() as db:
            return [*(await db.scalars(select(model).where(or_(*contains)).limit(MAX_FOUND))).unique()]


class Lookup:
    """Searches for rows of a related model, if the page has no `form_ajax_refs` for it."""

    def __init__(self, view: FormView, name: str) -> None:
        self.model_admin, self.name = view, name
        self.model: type[Any] = inspect(view.model).relationships[name].mapper.class_

    def format(self, row: Any) -> dict[str, str]:
        return {"id": key_of(row), "text": name_of(row)}

    async def get_list(self, request: Request, term: str) -> list[Any]:
        """Find the rows that the page of the other model would find. The user must have access to a form with this
        field.

        The user sees only the names of rows. Without the permission to view the model, they can search only the names.
        """
        if not await self._is_in_a_form(request):
            raise HTTPException(status.HTTP_403_FORBIDDEN)
        term = term.strip()[:MAX_TERM]
        page = self._page()
        rows = await (page.find(request, term) if page else self.model_admin.rows_that_contain(self.model, term))
        if not request.state.user.may(permission("view", self.model)):
            rows = [row for row in rows if term.casefold() in name_of(row).casefold()]
        return sorted(rows, key=lambda row: name_of(row).casefold())

    def _page(self) -> FormView | None:
        pages = (view for view in self.model_admin.site_views if isinstance(view, FormView))
        return next((page for page in pages if page.model is self.model), None)

    async def _is_in_a_form(self, request: Request) -> bool:
        view = self.model_admin
        forms = [view.create_rules] if await view.check_can_create(request) else []
        if view.can_edit and view.has_permission(request, Action.EDIT):
            forms.append(view.edit_rules)
        return any(not rules or self.name in rules for rules in forms)
