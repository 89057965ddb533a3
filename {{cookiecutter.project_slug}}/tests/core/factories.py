"""Entries of the audit log for tests."""

from app.core.audit import AuditEntry
from tests.factories import ModelFactory


class AuditEntryFactory(ModelFactory[AuditEntry]):
    __is_seeded__ = False
    actor = "alice"
    place = "127.0.0.1"
    action = "change"
    model = "accounts.user"
    object_id = "1"
    object_name = "alice"
    changes: dict[str, str] = {}  # noqa: RUF012
