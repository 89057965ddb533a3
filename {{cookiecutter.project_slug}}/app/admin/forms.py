"""The forms of the admin site.

A form writes only the fields that somebody changed in it. A hidden field tells what the form showed. So if somebody
else changes the row meanwhile, fields that nobody touched here keep the new values.
"""

import builtins
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Any, ClassVar

from markupsafe import Markup
from sqladmin.ajax import QueryAjaxModelLoader
from sqladmin.authorization import Action
from sqladmin.fields import Select2TagsField
from sqladmin.forms import WTFORMS_ATTRS, converts
from sqladmin.helpers import get_object_identifier
from sqladmin.widgets import TextAreaWidget
from sqlalchemy import Column, String, cast, inspect, or_, select, tuple_
from sqlalchemy.orm import Mapper, RelationshipDirection, with_parent
from starlette import status
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from typing_extensions import override
from wtforms import (
    BooleanField,
    DateTimeField,
    Field,
    FloatField,
    Form,
    HiddenField,
    PasswordField,
    SelectFieldBase,
    widgets,
)
from wtforms.validators import InputRequired

from app.admin.overrides import MAX_CHOSEN, RowConverter, SafeModelView, key_values
from app.core.permissions import permission

MAX_CHOICES = 500
"""A field lists up to this many rows of another model. With more, it shows the chosen rows and searches others."""
MAX_FOUND, MAX_TERM = 20, 254
MANIFEST = "_shown"
LINE_ENDS = re.compile("\r\n?|\n")
MEANWHILE = "Somebody else has changed this. Load the page again."
TOO_MANY = f"There are more than {MAX_CHOSEN:,}. You cannot change them here. They stay as they are."


def key_of(row: Any) -> str:
    return str(get_object_identifier(row))


class FormView(SafeModelView):
    """The part of a page that makes its forms."""

    def __init__(self) -> None:
        super().__init__()
        if not issubclass(self.form_converter, Choices):
            type(self).form_converter = type("Choices", (self.form_converter, Choices), {})
        for name in self.edited_relations:
            self.lookups.setdefault(name, Lookup(self, name))

    @override
    async def scaffold_form(self, rules: list[str] | None = None) -> type[Form]:
        form = await super().scaffold_form(rules)
        return type(form.__name__, (Changes, form), {"can_save_as_new": self.save_as})

    @override
    async def get_form_data_for_edit(self, obj: Any) -> dict[str, Any]:
        shown = {name: getattr(obj, name, None) for name in self.edited_columns}
        async with self.session_maker() as db:
            for name in self.edited_relations:
                attribute = getattr(self.model, name)
                related = select(attribute.mapper.class_).where(with_parent(obj, attribute))
                shown[name] = [*(await db.scalars(related.limit(MAX_CHOSEN + 1))).unique()]
        return {WTFORMS_ATTRS.get(name, name): value for name, value in shown.items()}

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
        """Leave out empty values for which the database has a default: forms do not show these defaults."""
        columns = self.mapper.columns
        defaults = {name for name in data if name in columns and columns[name].server_default is not None}
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
        return {"id": key_of(row), "text": str(row)}

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
            rows = [row for row in rows if term.casefold() in str(row).casefold()]
        return sorted(rows, key=lambda row: str(row).casefold())

    def _page(self) -> FormView | None:
        pages = (view for view in self.model_admin.site_views if isinstance(view, FormView))
        return next((page for page in pages if page.model is self.model), None)

    async def _is_in_a_form(self, request: Request) -> bool:
        view = self.model_admin
        forms = [view.create_rules] if await view.check_can_create(request) else []
        if view.can_edit and view.has_permission(request, Action.EDIT):
            forms.append(view.edit_rules)
        return any(not rules or self.name in rules for rules in forms)


class Choices(RowConverter):
    """Makes fields for columns as sqladmin does, and a `RelatedField` for relations."""

    loaders: Mapping[str, Any]

    @override
    async def convert(self, *args: Any, form_ajax_refs: Any = None, **options: Any) -> Any:
        self.loaders = form_ajax_refs or {}
        return await super().convert(*args, **options)

    @override
    async def choices(self, prop: Any, session_maker: Any) -> list[tuple[str, Any]]:
        async with session_maker() as db:
            found = (await db.scalars(select(prop.mapper.class_).limit(MAX_CHOICES + 1))).unique()
            return [(key_of(each), str(each)) for each in found]

    @override
    @converts("MANYTOONE", "ONETOONE", "MANYTOMANY", "ONETOMANY")  # type: ignore[untyped-decorator]
    def conv_many_to_one(self, model: type, prop: Any, kwargs: dict[str, Any]) -> Any:
        if prop.direction is not RelationshipDirection.MANYTOONE:
            kwargs["allow_blank"] = True  # the foreign key is in the other table
        if not kwargs["allow_blank"]:
            kwargs["validators"] = [*kwargs["validators"], InputRequired()]
        return RelatedField(self.loaders[prop.key], multiple=prop.uselist, **kwargs)

    conv_one_to_one = conv_many_to_many = conv_many_to_one

    @converts("Float")  # type: ignore[untyped-decorator]
    def conv_float(self, model: type, prop: Any, kwargs: dict[str, Any]) -> Any:
        return FloatField(**kwargs)

    @override
    @converts("Enum")  # type: ignore[untyped-decorator]
    def conv_enum(self, model: type, prop: Any, kwargs: dict[str, Any]) -> Any:
        """sqladmin assumes that a column stores the name of a member. With `values_callable`, it does not."""
        column = prop.columns[0].type
        stored = dict(zip(column.enum_class or (), column.enums, strict=False))
        kwargs.setdefault("coerce", lambda value: stored.get(value) or str(value))
        return super().conv_enum(model, prop, kwargs)


class RelatedWidget(widgets.Select):  # type: ignore[misc]
    validation_attrs: ClassVar = ["disabled"]  # without `required`: our own check covers all lists

    async def __call__(self, field: "RelatedField", **attributes: Any) -> Markup:
        if field.is_closed:
            return Markup('<div class="form-control-plaintext">{}</div>').format(TOO_MANY)
        if field.searches:
            await field.find_labels()
            attributes |= {"data-role": "select2-ajax"} | ({"data-allow-blank": "1"} if field.allow_blank else {})
        html: Markup = super().__call__(field, **attributes)
        return html


class RelatedField(SelectFieldBase):  # type: ignore[misc]
    """Rows of another model, from a list or from a search with sqladmin's script. `data` has their keys as text."""

    def __init__(
        self, loader: Any, data: Any, *, multiple: bool, allow_blank: bool, blank_text: str = "", **options: Any
    ) -> None:
        self.loader, self.multiple, self.allow_blank, self.blank_text = loader, multiple, allow_blank, blank_text
        self.searches = len(data) > MAX_CHOICES or isinstance(loader, QueryAjaxModelLoader)
        self.labels = {} if self.searches else dict(data)
        self.keys: list[str] = []
        self.is_closed = False
        super().__init__(widget=RelatedWidget(multiple), **options)

    @property
    def data(self) -> Any:
        return self.keys if self.multiple else next(iter(self.keys), None)

    @data.setter
    def data(self, keys: Any) -> None:
        """Filters of WTForms may set the data."""
        self.keys = [*keys] if self.multiple else [keys] if keys else []

    def process_data(self, value: Any) -> None:
        rows = value if isinstance(value, list) else [value] if value else []
        self.is_closed = len(rows) > MAX_CHOSEN
        self.keys = [] if self.is_closed else [key_of(row) for row in rows]
        self.labels |= dict(zip(self.keys, map(str, rows), strict=False))

    def process_formdata(self, valuelist: list[str]) -> None:
        self.keys = list(dict.fromkeys(filter(None, valuelist)))

    async def find_labels(self) -> None:
        """Read the labels of rows whose keys came from a browser."""
        if lacking := [key for key in self.keys if key not in self.labels]:
            rows = await self.loader.model_admin.rows_with(self.loader.model, lacking)
            self.labels |= {key_of(row): str(row) for row in rows}

    def iter_choices(self) -> Iterator[tuple[str, str, bool, dict[str, Any]]]:
        """Begin with an empty choice if nothing is chosen."""
        if not self.multiple and (self.allow_blank or not self.keys):
            yield "", self.blank_text, not self.keys, {}
        chosen = set(self.keys)
        for key, label in sorted(self.labels.items(), key=lambda each: each[1].casefold()):
            yield key, label, key in chosen, {}


class TextArea(TextAreaWidget):
    @override
    def __call__(self, field: Field, **attributes: Any) -> Markup:
        """Browsers ignore a line end at the beginning. Add one, so that a text keeps its own first line end."""
        return super().__call__(field, **attributes).replace(Markup(">"), Markup(">\n"), 1)


class Changes(Form):  # type: ignore[misc]
    """The form of an existing row. Its `data` has only the fields that somebody changed."""

    as_shown = HiddenField(name=MANIFEST)
    can_save_as_new = is_edit = False
    shown: Mapping[str, str] = {}
    """For each shown field, a digest of the value that a browser sends if nobody touches the field."""
    stored: Mapping[str, str] = {}
    """The same for the current row. sqladmin first makes a form of the row, then one of the sent data."""

    def __init__(self, formdata: Any = None, *args: Any, **options: Any) -> None:
        super().__init__(formdata and _with_plain_line_ends(formdata), *args, **options)
        for field in self:
            if type(field.widget) is TextAreaWidget:
                field.widget = TextArea()
        if formdata is None:
            # The hidden field is one of the fields, so `stored` is never empty.
            type(self).stored = {field.name: _digest(sent) for field in self if (sent := _untouched(field)) is not None}
            self.as_shown.data = " ".join(map("=".join, self.stored.items()))
        elif self.stored and not (self.can_save_as_new and formdata.get("save") == "Save as new"):
            self.is_edit = True
            self.shown = dict(pair.partition("=")[::2] for pair in (self.as_shown.data or "").split())
            for field in self:
                field.is_closed = field.name not in self.stored  # as when it was shown

    @property
    def data(self) -> dict[str, Any]:
        return {name: value for name, value in super().data.items() if self._is_written(self[name])}

    def validate(self, extra_validators: Any = None) -> bool:
        """Ignore faults of untouched fields: they stay as they are, even with values that are no longer allowed."""
        super().validate(extra_validators)
        for field in self:
            if not self._is_written(field):
                field.errors = ()
            elif self.is_edit and field.name in self.shown and self.shown[field.name] != self.stored.get(field.name):
                field.errors = [*field.errors, MEANWHILE]
        return not self.errors

    def _is_written(self, field: Field) -> bool:
        if field is self.as_shown:
            return False
        if not self.is_edit or field.raw_data is None:  # a field of several parts has no raw data to compare
            return True
        sent = _sent(field)
        if not sent and not (self.shown and _is_absent_when_empty(field)):
            return False
        shown = self.shown or self.stored  # a script may post without loading the form
        return field.name in shown and _digest(sent) != shown[field.name]


def _with_plain_line_ends(sent: FormData) -> FormData:
    """Undo the browsers' change of line ends: they send each as a carriage return and a line feed."""
    return FormData([(name, LINE_ENDS.sub("\n", str(value))) for name, value in sent.multi_items()])


def _digest(sent: list[str]) -> str:
    return sha256(repr(sent).encode()).hexdigest()[:16]


def _sent(field: Field) -> list[str]:
    if isinstance(field, BooleanField):
        return ["y"] * bool(field.data)
    if isinstance(field, DateTimeField) and field.raw_data and field.data is not None:
        return [field.data.strftime(field.format[0])]  # a script in the page formats times in its own way
    return list(field.raw_data)


def _is_absent_when_empty(field: Field) -> bool:
    """A browser sends nothing for an unticked box or a list without a choice. It always sends all other fields."""
    return isinstance(field, BooleanField | Select2TagsField) or getattr(field.widget, "multiple", False)


def _untouched(field: Field) -> list[str] | None:
    """Return the values that a browser sends for an untouched field. Return None if this is not known."""
    if getattr(field, "is_closed", False):
        return None
    if (field.render_kw or {}).get("disabled"):
        return []
    match field:
        case BooleanField():
            return ["y"] * bool(field.data)
        case Select2TagsField():
            return [str(each) for each in field.data]
        case SelectFieldBase():
            return _chosen(field)
        case PasswordField():
            return [""]
    return [_text(field)] if hasattr(field, "_value") else None


def _chosen(field: SelectFieldBase) -> list[str]:
    """A list for a single choice always has one. If none is marked, it is the first."""
    choices = [(str(value), is_chosen) for value, _, is_chosen, *_ in field.iter_choices()]
    chosen = [value for value, is_chosen in choices if is_chosen]
    is_list = isinstance(field.widget, widgets.Select) and not field.widget.multiple
    return chosen or [value for value, _ in choices[:1] if is_list]


def _text(field: Field) -> str:
    """Return the text as this type of input changes it (HTML, 4.10.5.1)."""
    text = LINE_ENDS.sub("\n", str(field._value()))  # noqa: SLF001 (WTForms documents it)
    kind = getattr(field.widget, "input_type", "")
    if not kind:
        return text
    text = text.replace("\n", "")
    return "" if kind == "number" and not text[-1:].isdigit() else text  # infinity, for example
