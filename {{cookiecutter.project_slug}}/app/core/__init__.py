"""The base of all apps. It imports no app. Each room exports in its `__init__` what others may use."""

import warnings
from collections.abc import Callable, Mapping
from pkgutil import resolve_name
from typing import Any


def deprecated_aliases(package: str, aliases: Mapping[str, str]) -> Callable[[str], Any]:
    """Return a `__getattr__` for a front door (PEP 562), so that old names still work, with a DeprecationWarning.

    In the `__init__` of the package, which tests and `manage.py check` read:

        DEPRECATED = {"Pages": "app.core.db.Page"}
        __getattr__ = deprecated_aliases(__name__, DEPRECATED)
    """

    def find(name: str) -> Any:
        if name not in aliases:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        warnings.warn(f"{package}.{name} is deprecated: use {aliases[name]}.", DeprecationWarning, stacklevel=2)
        door, _, new = aliases[name].rpartition(".")
        return resolve_name(f"{door}:{new}")

    return find
