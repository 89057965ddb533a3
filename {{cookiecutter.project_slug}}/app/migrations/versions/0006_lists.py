"""lists"""

from alembic import op
from sqlalchemy import text

revision = "0006_lists"
down_revision = "0005_addresses"
branch_labels = None
depends_on = None

FLAGS = ("disabled", "is_staff", "is_superuser")
OTHERS = text("substr(email_folded, 1, length(username_folded) + 1) != username_folded || '@'")


def upgrade() -> None:
    with op.batch_alter_table("accounts_user", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_accounts_user_email_folded"))
        batch_op.drop_index(batch_op.f("ix_accounts_user_full_name_folded"))
        for name in ("username", "email", "full_name"):
            batch_op.create_index(batch_op.f(f"ix_accounts_user_{name}_folded"), [f"{name}_folded", "id"])
        batch_op.drop_index(batch_op.f("ix_accounts_user_last_login"))
        batch_op.create_index(
            batch_op.f("ix_accounts_user_last_login"),
            ["last_login", "id"],
            postgresql_ops={"last_login": "NULLS FIRST"},
        )
        for flag in FLAGS:
            batch_op.drop_index(batch_op.f(f"ix_accounts_user_{flag}"))
            batch_op.create_index(
                batch_op.f(f"ix_accounts_user_{flag}"),
                [flag, "username_folded"],
                sqlite_where=text(f"{flag} IS 1"),
                postgresql_where=text(f"{flag} IS true"),
            )


def downgrade() -> None:
    with op.batch_alter_table("accounts_user", schema=None) as batch_op:
        for flag in FLAGS:
            batch_op.drop_index(batch_op.f(f"ix_accounts_user_{flag}"))
            batch_op.create_index(batch_op.f(f"ix_accounts_user_{flag}"), [flag, "username_folded"])
        batch_op.drop_index(batch_op.f("ix_accounts_user_last_login"))
        batch_op.create_index(batch_op.f("ix_accounts_user_last_login"), ["last_login", "id"])
        for name in ("username", "email", "full_name"):
            batch_op.drop_index(batch_op.f(f"ix_accounts_user_{name}_folded"))
        batch_op.create_index(
            batch_op.f("ix_accounts_user_full_name_folded"),
            ["full_name_folded", "id", "username_folded", "email_folded"],
        )
        batch_op.create_index(
            batch_op.f("ix_accounts_user_email_folded"),
            ["email_folded", "username_folded", "id"],
            postgresql_where=OTHERS,
            sqlite_where=OTHERS,
        )
