"""The site at `/admin`, and the base classes for the pages of apps."""

from app.admin.site import ModelAdmin, Refused, acting_user, action, new_session

__all__ = [
    "ModelAdmin",
    "Refused",
    "acting_user",
    "action",
    "new_session",
]
