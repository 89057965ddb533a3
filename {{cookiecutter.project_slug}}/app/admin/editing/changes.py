"""The form of an existing row. It writes only what somebody changed, and nothing that it cannot show."""

import re
from collections.abc import Collection, Mapping, Sequence
from hashlib import sha256
from typing import Any

from markupsafe import Markup
from sqladmin.fields import Select2TagsField, TextAreaField
from sqladmin.widgets import TextAreaWidget
from starlette.datastructures import FormData
from typing_extensions import override
from wtforms import (
    BooleanField,
    DateTimeField,
    Field,
    Form,
    HiddenField,
    IntegerField,
    PasswordField,
    SelectFieldBase,
    StringField,
    widgets,
)

from app.admin.editing.related import RelatedField
from app.admin.overrides import MAX_CHOSEN

MANIFEST = "_shown"
LINE_ENDS = re.compile("\r\n?|\n")
MEANWHILE = "Somebody else has changed this. Load the page again."
TOO_SPECIAL = "A form cannot show this value. It stays as it is."
TOO_MANY = f"There are more than {MAX_CHOSEN:,}. You cannot change them here. They stay as they are."


class ClosedWidget:
    """Stands where a value is that the form cannot show or change."""

    def __init__(self, reason: str) -> None:
        self.reason = reason

    def __call__(self, field: Field, **attributes: Any) -> Markup:
        return Markup('<div class="form-control-plaintext">{}</div>').format(self.reason)


class TextArea(TextAreaWidget):
    @override
    def __call__(self, field: Field, **attributes: Any) -> Markup:
        """Browsers ignore a line end at the beginning. Add one, so that a text keeps its own first line end."""
        return super().__call__(field, **attributes).replace(Markup(">"), Markup(">\n"), 1)


class Changes(Form):  # type: ignore[misc]
    """The form of an existing row. Its `data` has only the fields that somebody changed."""

    as_shown = HiddenField(name=MANIFEST)
    # The names begin with an underscore, because a column may have any other name.
    _can_save_as_new = _is_edit = False
    _keys: Sequence[str] = ()
    _shown: Mapping[str, str] = {}
    """For each shown field, a digest of the value that a browser sends if nobody touches the field."""
    _stored: dict[str, str]
    """The same for the current row. sqladmin first makes a form of the row, then one of the sent data, of one class."""
    _closed: set[str]
    """Names of fields that cannot show the value of the row."""

    def __init__(self, formdata: Any = None, data: Any = None, **given: Any) -> None:
        super().__init__(formdata and _with_plain_line_ends(formdata), data=data, **given)
        if data is not None or self._stored:
            for name in self._keys:
                del self[name]  # a row keeps its key
        for field in self:
            if type(field.widget) is TextAreaWidget:
                field.widget = TextArea()
        if formdata is None:
            self._remember()
        elif self._stored and not (self._can_save_as_new and formdata.get("save") == "Save as new"):
            self._is_edit = True
            self._shown = dict(pair.partition("=")[::2] for pair in (self.as_shown.data or "").split())
        for field in self:
            if field.name in self._closed:
                field.widget = ClosedWidget(TOO_MANY if isinstance(field, RelatedField) else TOO_SPECIAL)

    def _remember(self) -> None:
        """The hidden field is one of the fields, so there is always something to remember."""
        self._closed.update(field.name for field in self if not _is_showable(field))
        untouched = {field.name: _untouched(field) for field in self if field.name not in self._closed}
        self._stored.update({name: _digest(sent) for name, sent in untouched.items() if sent is not None})
        self.as_shown.data = " ".join(map("=".join, self._stored.items()))

    @property
    def data(self) -> dict[str, Any]:
        return {name: value for name, value in super().data.items() if self._is_written(self[name])}

    def validate(self, extra_validators: Any = None) -> bool:
        """Ignore faults of untouched fields: they stay as they are, even with values that are no longer allowed."""
        super().validate(extra_validators)
        for field in self:
            if not self._is_written(field):
                field.errors = ()
            elif (
                self._is_edit and field.name in self._shown and self._shown[field.name] != self._stored.get(field.name)
            ):
                field.errors = [*field.errors, MEANWHILE]
        return not self.errors

    def _is_written(self, field: Field) -> bool:
        if field is self.as_shown or field.name in self._closed:
            return False
        if not self._is_edit or field.raw_data is None:  # a field of several parts has no raw data to compare
            return True
        sent = _sent(field)
        if not sent and not (self._shown and _is_absent_when_empty(field)):
            return False
        shown = self._shown or self._stored  # a script may post without loading the form
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


def _is_showable(field: Field) -> bool:
    """A type of the project may have any values."""
    if isinstance(field, RelatedField):
        return not field.is_too_long
    if isinstance(field, Select2TagsField):
        return all(isinstance(each, str) for each in field.data)
    if type(field) in (StringField, TextAreaField):
        return isinstance(field.data, str) or not isinstance(field.data, Collection)
    if isinstance(field, IntegerField):
        return isinstance(field.object_data, int | None)
    try:
        getattr(field, "_value", str)()
    except (TypeError, ValueError, AttributeError):
        return False
    return True


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
