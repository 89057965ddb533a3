"""addresses"""

from alembic import op
from sqlalchemy import text

revision = "0005_addresses"
down_revision = "0004_search"
branch_labels = None
depends_on = None

# Of most users, the address is the username and a domain; what a search finds by it, it finds by the username.
OTHERS = text("substr(email_folded, 1, length(username_folded) + 1) != username_folded || '@'")


def upgrade() -> None:
    with op.batch_alter_table("accounts_user", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_accounts_user_email_folded"))
        batch_op.create_index(
            batch_op.f("ix_accounts_user_email_folded"),
            ["email_folded", "username_folded", "id"],
            postgresql_where=OTHERS,
            sqlite_where=OTHERS,
        )


def downgrade() -> None:
    with op.batch_alter_table("accounts_user", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_accounts_user_email_folded"))
        batch_op.create_index(batch_op.f("ix_accounts_user_email_folded"), ["email_folded", "username_folded", "id"])
