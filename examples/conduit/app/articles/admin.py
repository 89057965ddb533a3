"""The pages at /admin. `docs/admin.md` explains the options."""

from typing import ClassVar

from app.admin import ModelAdmin
from app.articles.models import Article, Tag


class ArticleAdmin(ModelAdmin, model=Article):
    column_list: ClassVar = ["title", "slug", "author", "created_at"]
    column_default_sort = ("created_at", True)  # the newest first
    form_columns: ClassVar = ["author", "title", "slug", "description", "body", "tags"]


class TagAdmin(ModelAdmin, model=Tag):
    column_list: ClassVar = ["name"]
    column_searchable_list: ClassVar = ["name"]
    column_default_sort = "name"
    form_columns: ClassVar = ["name"]
