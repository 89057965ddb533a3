"""Jinja templates, for pages and mails.

An app has its templates in its folder `templates`. Their names begin with the app: `accounts/reset_password.html` is
`app/accounts/templates/reset_password.html`. The rooms of core share the name `core`. The pages of all apps extend
`core/base.html`, which is in `app/core/web/templates`.
"""

from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, PrefixLoader, StrictUndefined, select_autoescape

import app
from app.core.registry import installed_apps
from app.core.settings import TITLE


@cache
def jinja_environment() -> Environment:
    """HTML is escaped, text is not. A name without a value is an error."""
    root = Path(app.__path__[0])
    folders = {name: [root / name / "templates"] for name in installed_apps()}
    folders["core"] = sorted((root / "core").glob("*/templates"))
    templates = Environment(
        loader=PrefixLoader({name: FileSystemLoader(paths) for name, paths in folders.items()}),
        autoescape=select_autoescape(),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.globals["project"] = TITLE
    return templates


def render(template: str, /, **values: Any) -> str:
    """Raises jinja2.TemplateNotFound."""
    return jinja_environment().get_template(template).render(values)
