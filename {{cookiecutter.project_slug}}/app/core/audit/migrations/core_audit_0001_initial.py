"""initial"""

import sqlalchemy as sa
from alembic import op

revision = "core_audit_0001_initial"
down_revision = None
branch_labels = ("core_audit",)
depends_on = None


def upgrade() -> None:
    op.create_table(
        "core_audit_entry",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=True),
        sa.Column(
            "actor",
            sa.String(length=150).with_variant(sa.String(length=150, collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column("place", sa.String(length=45), nullable=False),
        sa.Column("request_id", sa.String(length=64), nullable=True),
        sa.Column("action", sa.String(length=10), nullable=False),
        sa.Column("model", sa.String(length=150), nullable=False),
        sa.Column(
            "object_id",
            sa.String(length=150).with_variant(sa.String(length=150, collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column("object_name", sa.String(length=255), nullable=False),
        sa.Column("changes", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_core_audit_entry")),
    )
    with op.batch_alter_table("core_audit_entry", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_core_audit_entry_actor"), ["actor"], unique=False)
        batch_op.create_index(batch_op.f("ix_core_audit_entry_at"), ["at", "id"], unique=False)
        batch_op.create_index(batch_op.f("ix_core_audit_entry_object_id"), ["object_id"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("core_audit_entry", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_core_audit_entry_object_id"))
        batch_op.drop_index(batch_op.f("ix_core_audit_entry_at"))
        batch_op.drop_index(batch_op.f("ix_core_audit_entry_actor"))

    op.drop_table("core_audit_entry")
