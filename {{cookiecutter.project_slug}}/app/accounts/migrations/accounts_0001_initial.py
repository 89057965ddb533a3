"""initial"""

import sqlalchemy as sa
from alembic import op

revision = "accounts_0001_initial"
down_revision = None
branch_labels = ("accounts",)
depends_on = None


def upgrade() -> None:
    op.create_table(
        "accounts_group",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=150), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_accounts_group")),
        sa.UniqueConstraint("name", name=op.f("uq_accounts_group_name")),
    )
    op.create_table(
        "accounts_permission",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=150), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_accounts_permission")),
        sa.UniqueConstraint("name", name=op.f("uq_accounts_permission_name")),
    )
    op.create_table(
        "accounts_user",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("username", sa.String(length=150), nullable=False),
        sa.Column(
            "username_folded",
            sa.String(length=150).with_variant(sa.String(length=150, collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column(
            "email_folded",
            sa.String(length=320).with_variant(sa.String(length=320, collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column("email_verified", sa.Boolean(), nullable=False),
        sa.Column("email_changed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("full_name", sa.String(length=150), nullable=False),
        sa.Column(
            "full_name_folded",
            sa.String(length=450).with_variant(sa.String(length=450, collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column("hashed_password", sa.String(length=255), nullable=False),
        sa.Column("password_changed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("disabled", sa.Boolean(), nullable=False),
        sa.Column("is_staff", sa.Boolean(), nullable=False),
        sa.Column("is_superuser", sa.Boolean(), nullable=False),
        sa.Column("date_joined", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_login", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_accounts_user")),
        sa.UniqueConstraint("email_folded", name=op.f("uq_accounts_user_email_folded")),
        sa.UniqueConstraint("username_folded", name=op.f("uq_accounts_user_username_folded")),
    )
    with op.batch_alter_table("accounts_user", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_accounts_user_date_joined"), ["date_joined", "id"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_accounts_user_disabled"),
            ["disabled", "username_folded"],
            unique=False,
            sqlite_where=sa.text("disabled IS 1"),
            postgresql_where=sa.text("disabled IS true"),
        )
        batch_op.create_index(batch_op.f("ix_accounts_user_email_folded"), ["email_folded", "id"], unique=False)
        batch_op.create_index(batch_op.f("ix_accounts_user_full_name_folded"), ["full_name_folded", "id"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_accounts_user_is_staff"),
            ["is_staff", "username_folded"],
            unique=False,
            sqlite_where=sa.text("is_staff IS 1"),
            postgresql_where=sa.text("is_staff IS true"),
        )
        batch_op.create_index(
            batch_op.f("ix_accounts_user_is_superuser"),
            ["is_superuser", "username_folded"],
            unique=False,
            sqlite_where=sa.text("is_superuser IS 1"),
            postgresql_where=sa.text("is_superuser IS true"),
        )
        batch_op.create_index(
            batch_op.f("ix_accounts_user_last_login"),
            ["last_login", "id"],
            unique=False,
            postgresql_ops={"last_login": "NULLS FIRST"},
        )
        batch_op.create_index(batch_op.f("ix_accounts_user_username_folded"), ["username_folded", "id"], unique=False)

    op.create_table(
        "accounts_group_permissions",
        sa.Column("group_id", sa.Uuid(), nullable=False),
        sa.Column("permission_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["group_id"],
            ["accounts_group.id"],
            name=op.f("fk_accounts_group_permissions_group_id_accounts_group"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["permission_id"],
            ["accounts_permission.id"],
            name=op.f("fk_accounts_group_permissions_permission_id_accounts_permission"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("group_id", "permission_id", name=op.f("pk_accounts_group_permissions")),
    )
    with op.batch_alter_table("accounts_group_permissions", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_accounts_group_permissions_permission_id"), ["permission_id"], unique=False
        )

    op.create_table(
        "accounts_session",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("family_hash", sa.String(length=64), nullable=False),
        sa.Column("rotation_hash", sa.String(length=64), nullable=False),
        sa.Column("user_agent", sa.String(length=255), nullable=False),
        sa.Column("ip_address", sa.String(length=45), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["accounts_user.id"],
            name=op.f("fk_accounts_session_user_id_accounts_user"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_accounts_session")),
    )
    with op.batch_alter_table("accounts_session", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_accounts_session_expires_at"), ["expires_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_accounts_session_user_id"), ["user_id"], unique=False)

    op.create_table(
        "accounts_user_groups",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("group_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["group_id"],
            ["accounts_group.id"],
            name=op.f("fk_accounts_user_groups_group_id_accounts_group"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["accounts_user.id"],
            name=op.f("fk_accounts_user_groups_user_id_accounts_user"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("user_id", "group_id", name=op.f("pk_accounts_user_groups")),
    )
    with op.batch_alter_table("accounts_user_groups", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_accounts_user_groups_group_id"), ["group_id"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("accounts_user_groups", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_accounts_user_groups_group_id"))

    op.drop_table("accounts_user_groups")
    with op.batch_alter_table("accounts_session", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_accounts_session_user_id"))
        batch_op.drop_index(batch_op.f("ix_accounts_session_expires_at"))

    op.drop_table("accounts_session")
    with op.batch_alter_table("accounts_group_permissions", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_accounts_group_permissions_permission_id"))

    op.drop_table("accounts_group_permissions")
    with op.batch_alter_table("accounts_user", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_accounts_user_username_folded"))
        batch_op.drop_index(batch_op.f("ix_accounts_user_last_login"), postgresql_ops={"last_login": "NULLS FIRST"})
        batch_op.drop_index(
            batch_op.f("ix_accounts_user_is_superuser"),
            sqlite_where=sa.text("is_superuser IS 1"),
            postgresql_where=sa.text("is_superuser IS true"),
        )
        batch_op.drop_index(
            batch_op.f("ix_accounts_user_is_staff"),
            sqlite_where=sa.text("is_staff IS 1"),
            postgresql_where=sa.text("is_staff IS true"),
        )
        batch_op.drop_index(batch_op.f("ix_accounts_user_full_name_folded"))
        batch_op.drop_index(batch_op.f("ix_accounts_user_email_folded"))
        batch_op.drop_index(
            batch_op.f("ix_accounts_user_disabled"),
            sqlite_where=sa.text("disabled IS 1"),
            postgresql_where=sa.text("disabled IS true"),
        )
        batch_op.drop_index(batch_op.f("ix_accounts_user_date_joined"))

    op.drop_table("accounts_user")
    op.drop_table("accounts_permission")
    op.drop_table("accounts_group")
