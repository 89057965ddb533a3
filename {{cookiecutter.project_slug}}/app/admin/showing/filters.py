"""The filter of a column, for `column_filters`. A list uses it in place of sqladmin's `OperationColumnFilter`."""

from typing import Any

from sqladmin.filters import OperationColumnFilter
from sqlalchemy import Date, DateTime, Enum, Integer, Interval, Numeric, Select, String, Time, false
from sqlalchemy.orm import InstrumentedAttribute
from typing_extensions import override

from app.admin.values import parse
from app.core.db import stored_type

EQUALS = ("equals", "Equals")
IN_TEXT = (("contains", "Contains"), EQUALS, ("starts_with", "Starts with"), ("ends_with", "Ends with"))
IN_ORDER = (EQUALS, ("greater_than", "Greater than"), ("less_than", "Less than"))
ORDERED = (Date, DateTime, Integer, Interval, Numeric, Time)


class ColumnFilter(OperationColumnFilter):
    """It knows types of the project, too. A text that is no value of the column finds nothing."""

    @override
    def get_operation_options(self, column_obj: Any) -> list[tuple[str, str]]:
        kind = stored_type(column_obj.type)
        if isinstance(kind, String) and not isinstance(kind, Enum):
            return [*IN_TEXT]
        return [*IN_ORDER] if isinstance(kind, ORDERED) else [EQUALS]

    @override
    async def get_filtered_query(self, query: Select[Any], operation: str, value: Any, model: Any) -> Select[Any]:
        text = str(value or "").strip()
        column: InstrumentedAttribute[Any] = (
            getattr(model, self.column) if isinstance(self.column, str) else self.column
        )
        if not text or operation not in dict(self.get_operation_options(column)):
            return query
        try:
            wanted = parse(column.type, text)
        except ValueError:
            return query.where(false())
        match operation:
            case "contains":
                return query.where(column.icontains(wanted, autoescape=True))
            case "starts_with":
                return query.where(column.istartswith(wanted, autoescape=True))
            case "ends_with":
                return query.where(column.iendswith(wanted, autoescape=True))
            case "greater_than":
                return query.where(column > wanted)
            case "less_than":
                return query.where(column < wanted)
        return query.where(column == wanted)
