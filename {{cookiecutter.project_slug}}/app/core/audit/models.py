"""The table of the audit log."""

from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import JSON, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from app.core.audit.changes import Changes
from app.core.db import Base, by_code_point, utcnow

MAX_ID, MAX_NAME, MAX_PLACE = 150, 255, 45


class AuditEntry(Base):
    """It has no foreign keys, so it stays when the objects are deleted."""

    __tablename__ = "core_audit_entry"
    __permissions__ = ("view",)
    __audited__ = ()

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    at: Mapped[datetime] = mapped_column(default=utcnow)
    actor_id: Mapped[UUID | None]
    actor: Mapped[str] = mapped_column(by_code_point(150), index=True)
    """The username at that time; on the command line, that of the operating system. Empty for an unknown client."""
    place: Mapped[str] = mapped_column(String(MAX_PLACE))
    request_id: Mapped[str | None] = mapped_column(String(64))
    action: Mapped[str] = mapped_column(String(10))
    model: Mapped[str] = mapped_column(String(150))
    """For example `accounts.user`."""
    object_id: Mapped[str] = mapped_column(by_code_point(MAX_ID), index=True)
    object_name: Mapped[str] = mapped_column(String(MAX_NAME))
    changes: Mapped[Changes] = mapped_column(JSON)

    __table_args__ = (Index(None, "at", "id"),)  # for paging and searches
