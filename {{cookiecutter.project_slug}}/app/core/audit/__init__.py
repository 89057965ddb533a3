"""Who changed what, when and from where."""

from app.core.audit.actor import NOBODY, Actor, acting, place
from app.core.audit.events import AppendOnly, record
from app.core.audit.models import AuditEntry

__all__ = [
    "NOBODY",
    "Actor",
    "AppendOnly",
    "AuditEntry",
    "acting",
    "place",
    "record",
]
