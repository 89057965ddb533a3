"""Who changed what, when and from where."""

from app.core.audit.actor import NOBODY, Actor, acting, place
from app.core.audit.events import AppendOnly, record
from app.core.audit.models import AuditEntry
from app.core.audit.retention import count_old_entries, delete_old_entries

__all__ = [
    "NOBODY",
    "Actor",
    "AppendOnly",
    "AuditEntry",
    "acting",
    "count_old_entries",
    "delete_old_entries",
    "place",
    "record",
]
