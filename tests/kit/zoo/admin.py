"""A page for each model, with no more than people write at first."""

from typing import ClassVar

from app.admin import ModelAdmin
from app.zoo import models
from sqladmin.filters import OperationColumnFilter
from sqlalchemy import inspect
from sqlalchemy.orm import Mapper


def filters(model: type) -> list[OperationColumnFilter]:
    mapper: Mapper = inspect(model)
    return [OperationColumnFilter(name) for name in mapper.columns]


class AnimalAdmin(ModelAdmin, model=models.Animal):
    column_filters: ClassVar = filters(models.Animal)


class EverythingAdmin(ModelAdmin, model=models.Everything):
    column_filters: ClassVar = filters(models.Everything)
    column_searchable_list: ClassVar = ["label", "whole", "moment", "day", "token", "color"]


class ListedAdmin(ModelAdmin, model=models.Everything):
    identity = "listed"
    column_list: ClassVar = ["label", "loud", "place"]


class CountryAdmin(ModelAdmin, model=models.Country):
    column_searchable_list: ClassVar = ["code"]


class TicketAdmin(ModelAdmin, model=models.Ticket): ...


class StampAdmin(ModelAdmin, model=models.Stamp): ...


class MomentAdmin(ModelAdmin, model=models.Moment): ...


class NodeAdmin(ModelAdmin, model=models.Node):
    column_list: ClassVar = ["title", "parent", "children"]


class TeamAdmin(ModelAdmin, model=models.Team): ...


class MemberAdmin(ModelAdmin, model=models.Member):
    column_list: ClassVar = ["id", "team", "team.title"]


class ReviewAdmin(ModelAdmin, model=models.Review): ...


class ProductAdmin(ModelAdmin, model=models.Product):
    column_list: ClassVar = ["title", "review_count", "shout", "countries"]


class SquareAdmin(ModelAdmin, model=models.Square): ...


class VehicleAdmin(ModelAdmin, model=models.Vehicle): ...


class TruckAdmin(ModelAdmin, model=models.Truck): ...
