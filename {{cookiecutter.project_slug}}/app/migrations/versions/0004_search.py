"""search"""

from alembic import op

revision = "0004_search"
down_revision = "0003_audit"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("accounts_user", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_accounts_user_full_name_folded"))
        batch_op.create_index(
            batch_op.f("ix_accounts_user_full_name_folded"),
            ["full_name_folded", "id", "username_folded", "email_folded"],
        )
        batch_op.create_index(batch_op.f("ix_accounts_user_email_folded"), ["email_folded", "username_folded", "id"])


def downgrade() -> None:
    with op.batch_alter_table("accounts_user", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_accounts_user_email_folded"))
        batch_op.drop_index(batch_op.f("ix_accounts_user_full_name_folded"))
        batch_op.create_index(batch_op.f("ix_accounts_user_full_name_folded"), ["full_name_folded", "id"])
