"""initial"""

from pathlib import Path

from alembic import op
from sqlalchemy import text

revision = "core_tasks_0001_initial"
down_revision = None
branch_labels = ("core_tasks",)
depends_on = None

TABLES = ("events", "periodic_defers", "jobs", "workers")
TYPES = ("job_to_defer_v1", "job_event_type", "job_status")
FUNCTIONS = (
    "defer_jobs_v1",
    "defer_periodic_job_v2",
    "finish_job_v1",
    "cancel_job_v1",
    "retry_job_v1",
    "retry_job_v2",
    "notify_queue_job_inserted_v1",
    "notify_queue_abort_job_v1",
    "trigger_function_status_events_insert_v1",
    "trigger_function_status_events_update_v1",
    "trigger_function_scheduled_events_v1",
    "trigger_abort_requested_events_procedure_v1",
    "unlink_periodic_defers_v1",
    "register_worker_v1",
    "unregister_worker_v1",
    "update_heartbeat_v1",
    "prune_stalled_workers_v1",
)


def upgrade() -> None:
    """With SQLite there is nothing to make: a task waits in PostgreSQL or nowhere."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(text(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")))
        # A worker could not even say of other arguments that their job has failed.
        op.create_check_constraint("ck_procrastinate_jobs_args", "procrastinate_jobs", "jsonb_typeof(args) = 'object'")


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION procrastinate_fetch_job_v2")  # it returns rows of a table
        op.execute(f"DROP TABLE {_named(TABLES)}")
        op.execute(f"DROP FUNCTION {_named(FUNCTIONS)}")  # the tables use them
        op.execute(f"DROP TYPE {_named(TYPES)}")


def _named(names: tuple[str, ...]) -> str:
    return ", ".join(f"procrastinate_{name}" for name in names)
