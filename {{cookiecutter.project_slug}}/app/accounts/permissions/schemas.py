"""Bodies of requests and answers for groups and permissions."""

from collections.abc import Iterable
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from app.core.db import ONE_LINE, Text

GroupName = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=150), ONE_LINE, Field(examples=["editors"])
]
PermissionNames = Annotated[set[Text], Field(max_length=1000, examples=[["accounts.view_user"]])]


def _sorted_names(named: Iterable[Any]) -> list[str]:
    return sorted(getattr(each, "name", each) for each in named)


Names = Annotated[list[str], BeforeValidator(_sorted_names)]


class GroupCreate(BaseModel):
    name: GroupName
    permissions: PermissionNames = Field(set(), description="Names of permissions, for example `accounts.view_user`.")


class GroupUpdate(BaseModel):
    """Fields that are left out or null stay as they are."""

    name: GroupName | None = None
    permissions: PermissionNames | None = Field(None, description="The names of all its new permissions.")


class GroupRead(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: UUID
    name: str = Field(examples=["editors"])
    permissions: Names = Field(examples=[["accounts.view_user"]])
