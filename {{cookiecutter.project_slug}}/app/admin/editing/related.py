"""The field for rows of another model."""

from collections.abc import Iterator
from typing import Any, ClassVar

from markupsafe import Markup
from wtforms import SelectFieldBase, widgets

from app.admin.overrides import MAX_CHOSEN
from app.admin.values import key_of, name_of


class RelatedWidget(widgets.Select):  # type: ignore[misc]
    validation_attrs: ClassVar = ["disabled"]  # without `required`: our own check covers all lists

    async def __call__(self, field: "RelatedField", **attributes: Any) -> Markup:
        if field.searches:
            await field.find_labels()
            attributes |= {"data-role": "select2-ajax"} | ({"data-allow-blank": "1"} if field.allow_blank else {})
        elif field.multiple:
            attributes["data-two-lists"] = True  # for `static/two-lists.js`; without scripts it is a list
        html: Markup = super().__call__(field, **attributes)
        return html


class RelatedField(SelectFieldBase):  # type: ignore[misc]
    """Rows of another model, from a list or from a search with sqladmin's script. `data` has their keys as text."""

    def __init__(
        self,
        loader: Any,
        data: Any,
        *,
        multiple: bool,
        searches: bool,
        allow_blank: bool,
        blank_text: str = "",
        **options: Any,
    ) -> None:
        self.loader, self.multiple, self.allow_blank, self.blank_text = loader, multiple, allow_blank, blank_text
        self.searches = searches
        self.labels = {} if self.searches else dict(data)
        self.keys: list[str] = []
        self.is_too_long = False
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
        self.is_too_long = len(rows) > MAX_CHOSEN
        self.keys = [] if self.is_too_long else [key_of(row) for row in rows]
        self.labels |= dict(zip(self.keys, map(name_of, rows), strict=False))

    def process_formdata(self, valuelist: list[str]) -> None:
        self.keys = list(dict.fromkeys(filter(None, valuelist)))

    async def find_labels(self) -> None:
        """Read the labels of rows whose keys came from a browser."""
        if lacking := [key for key in self.keys if key not in self.labels]:
            rows = await self.loader.model_admin.rows_with(self.loader.model, lacking)
            self.labels |= {key_of(row): name_of(row) for row in rows}

    def iter_choices(self) -> Iterator[tuple[str, str, bool, dict[str, Any]]]:
        """Begin with an empty choice if nothing is chosen."""
        if not self.multiple and (self.allow_blank or not self.keys):
            yield "", self.blank_text, not self.keys, {}
        chosen = set(self.keys)
        for key, label in sorted(self.labels.items(), key=lambda each: each[1].casefold()):
            yield key, label, key in chosen, {}
