"""The labels of models on the command line, for example `accounts.User`."""

from typing import Any

from sqlalchemy.orm import Mapper

from app.core.db import Base
from app.core.permissions import app_of
from app.core.registry import load_models


def label_of(model: type) -> str:
    return f"{app_of(model)}.{model.__name__}"


def labelled_models() -> dict[str, Mapper[Any]]:
    """Return the models of all apps by their labels, without those of core."""
    load_models()
    return {label_of(each.class_): each for each in Base.registry.mappers if app_of(each.class_) != "core"}
