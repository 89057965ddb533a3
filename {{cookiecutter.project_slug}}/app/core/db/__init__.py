"""The database: models, sessions, paging, searches, migrations."""

from app.core.db.base import Base, declared_permissions, lost_references
from app.core.db.columns import UTCDateTime, by_code_point, stored_type, utcnow
from app.core.db.connections.engine import Database
from app.core.db.connections.sessions import Db, get_session
from app.core.db.dumps import DumpError, dump_rows, is_dump, load_rows, row_count, row_counts
from app.core.db.errors import (
    DatabaseUnavailable,
    cause_of,
    is_away,
    is_conflict,
    is_needed,
    is_unfit,
    is_unmigrated,
    taken_columns,
)
from app.core.db.migrations.histories import (
    PROJECT,
    Diverged,
    UnknownMigrations,
    known_migrations,
    migration_folders,
    new_revision,
)
from app.core.db.migrations.making import is_in_step, make_migration, merge_migrations
from app.core.db.migrations.removing import undo_history
from app.core.db.migrations.running import NEWEST, later_migrations, migrate, migration_history, pending_migrations
from app.core.db.migrations.scratch import ScratchRefused, scratch_database
from app.core.db.queries.pagination import (
    COUNT_CAP,
    MAX_LIMIT,
    CursorPage,
    CursorPaging,
    CursorQuery,
    Page,
    PageQuery,
    Paging,
    capped_count,
    paginate,
    paginate_by_cursor,
)
from app.core.db.queries.references import find_referred
from app.core.db.queries.searches import keys_by_prefix, ordered_by, search
from app.core.db.queries.slugs import slugify, unique_slug
from app.core.db.queries.upserts import upsert
from app.core.db.values import (
    KEYS,
    ONE_LINE,
    STORABLE,
    Int32,
    Json,
    Slug,
    Text,
    Timestamp,
    input_type,
    is_text,
    quantized,
)

__all__ = [
    "COUNT_CAP",
    "KEYS",
    "MAX_LIMIT",
    "NEWEST",
    "ONE_LINE",
    "PROJECT",
    "STORABLE",
    "Base",
    "CursorPage",
    "CursorPaging",
    "CursorQuery",
    "Database",
    "DatabaseUnavailable",
    "Db",
    "Diverged",
    "DumpError",
    "Int32",
    "Json",
    "Page",
    "PageQuery",
    "Paging",
    "ScratchRefused",
    "Slug",
    "Text",
    "Timestamp",
    "UTCDateTime",
    "UnknownMigrations",
    "by_code_point",
    "capped_count",
    "cause_of",
    "declared_permissions",
    "dump_rows",
    "find_referred",
    "get_session",
    "input_type",
    "is_away",
    "is_conflict",
    "is_dump",
    "is_in_step",
    "is_needed",
    "is_text",
    "is_unfit",
    "is_unmigrated",
    "keys_by_prefix",
    "known_migrations",
    "later_migrations",
    "load_rows",
    "lost_references",
    "make_migration",
    "merge_migrations",
    "migrate",
    "migration_folders",
    "migration_history",
    "new_revision",
    "ordered_by",
    "paginate",
    "paginate_by_cursor",
    "pending_migrations",
    "quantized",
    "row_count",
    "row_counts",
    "scratch_database",
    "search",
    "slugify",
    "stored_type",
    "taken_columns",
    "undo_history",
    "unique_slug",
    "upsert",
    "utcnow",
]
