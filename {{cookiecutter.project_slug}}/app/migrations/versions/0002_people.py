"""people"""

import sqlalchemy as sa
from alembic import op

revision = "0002_people"
down_revision = "0001_initial"
branch_labels = None
depends_on = None

INDEXES = {
    "full_name_folded": "id",
    "date_joined": "id",
    "last_login": "id",
    "disabled": "username_folded",
    "is_staff": "username_folded",
    "is_superuser": "username_folded",
}


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

    with op.batch_alter_table("accounts_user", schema=None) as batch_op:
        batch_op.add_column(sa.Column("email_verified", sa.Boolean(), nullable=False, server_default=sa.false()))
        batch_op.add_column(sa.Column("email_changed_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("full_name_folded", by_code_point(450), nullable=False, server_default=""))
        batch_op.alter_column(
            "username_folded",
            existing_type=sa.String(length=150),
            type_=by_code_point(150),
            existing_nullable=False,
        )
        batch_op.alter_column(
            "email_folded",
            existing_type=sa.String(length=254),
            type_=by_code_point(320),
            existing_nullable=False,
        )
    fold_full_names()
    with op.batch_alter_table("accounts_user", schema=None) as batch_op:
        batch_op.alter_column("email_verified", existing_type=sa.Boolean(), server_default=None)
        batch_op.alter_column("full_name_folded", existing_type=by_code_point(450), server_default=None)
        for column, next_column in INDEXES.items():
            batch_op.create_index(batch_op.f(f"ix_accounts_user_{column}"), [column, next_column])


def by_code_point(length: int) -> sa.String:
    return sa.String(length=length).with_variant(sa.String(length=length, collation="C"), "postgresql")


def fold_full_names() -> None:
    users = sa.table("accounts_user", sa.column("id", sa.Uuid()), sa.column("full_name"), sa.column("full_name_folded"))
    named = op.get_bind().execute(sa.select(users.c.id, users.c.full_name).where(users.c.full_name != ""))
    for identifier, full_name in named.all():
        folded = {"full_name_folded": full_name.casefold()}
        op.get_bind().execute(users.update().where(users.c.id == identifier).values(folded))


def downgrade() -> None:
    with op.batch_alter_table("accounts_user", schema=None) as batch_op:
        for column in INDEXES:
            batch_op.drop_index(batch_op.f(f"ix_accounts_user_{column}"))
        batch_op.alter_column("email_folded", existing_type=by_code_point(320), type_=sa.String(length=254))
        batch_op.alter_column("username_folded", existing_type=by_code_point(150), type_=sa.String(length=150))
        batch_op.drop_column("full_name_folded")
        batch_op.drop_column("email_changed_at")
        batch_op.drop_column("email_verified")

    with op.batch_alter_table("accounts_user_groups", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_accounts_user_groups_group_id"))

    op.drop_table("accounts_user_groups")
    with op.batch_alter_table("accounts_group_permissions", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_accounts_group_permissions_permission_id"))

    op.drop_table("accounts_group_permissions")
    op.drop_table("accounts_permission")
    op.drop_table("accounts_group")
