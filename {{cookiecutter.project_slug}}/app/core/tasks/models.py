"""The jobs of `app.core.tasks.database`, read-only: procrastinate changes them. A migration makes their table."""

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import JSON, BigInteger, Enum, MetaData
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base

STATUSES = ("todo", "doing", "succeeded", "failed", "cancelled", "aborting", "aborted")


class BackgroundJob(Base):
    __tablename__ = "procrastinate_jobs"
    __permissions__ = ("view", "change")
    __audited__ = ()
    metadata: ClassVar[MetaData] = MetaData()  # separate: migrations are made from the metadata of Base

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    task_name: Mapped[str]
    args: Mapped[dict[str, Any]] = mapped_column(JSON)
    status: Mapped[str] = mapped_column(Enum(*STATUSES, name="procrastinate_job_status"))
    attempts: Mapped[int]
    scheduled_at: Mapped[datetime | None]

    def __str__(self) -> str:
        return f"{self.task_name} {self.id}"
