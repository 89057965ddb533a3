"""The pages at /admin. `docs/admin.md` explains the options."""

from typing import ClassVar

from app.admin import ModelAdmin
from app.comments.models import Comment


class CommentAdmin(ModelAdmin, model=Comment):
    column_list: ClassVar = ["article", "author", "body", "created_at"]
    column_default_sort = ("created_at", True)  # the newest first
    form_columns: ClassVar = ["article", "author", "body"]
