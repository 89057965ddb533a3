"""The site at `/admin`: what apps base their pages on."""

from app.admin.site import ModelAdmin, Refused, acting_user, action, new_session

__all__ = [
    "ModelAdmin",
    "Refused",
    "acting_user",
    "action",
    "new_session",
]
