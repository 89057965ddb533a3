"""Pages of the models that only PostgreSQL can hold, for `app/aviary/admin.py` of a rendered project."""

from typing import ClassVar

from app.admin import ModelAdmin
from app.aviary import models
from sqladmin.filters import OperationColumnFilter
from sqlalchemy import inspect


class NestAdmin(ModelAdmin, model=models.Nest): ...


class BirdAdmin(ModelAdmin, model=models.Bird):
    column_filters: ClassVar = [OperationColumnFilter(name) for name in inspect(models.Bird).columns]
