"""Finds private names of libraries that our classes inherit. Ruff's SLF001 and PLC2701 find only the others."""

import ast
import inspect
import pkgutil
from collections.abc import Iterator
from importlib import import_module
from textwrap import dedent

import pytest

import app

# sqladmin is extended by overriding its methods.
EXCEPTIONS = ("app.admin.overrides", "app.migrations")


def our_classes() -> Iterator[type]:
    for module in pkgutil.walk_packages(app.__path__, "app."):
        if not module.name.startswith(EXCEPTIONS):
            for value in vars(import_module(module.name)).values():
                if isinstance(value, type) and is_ours(value) and value.__module__ == module.name:
                    yield value


def is_ours(kind: type) -> bool:
    """Classes that Pydantic makes, such as `Page[UserRead]`, have no source."""
    return kind.__module__.startswith(("app.", __name__)) and "[" not in kind.__qualname__


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.endswith("__")


def private_names(kind: type) -> tuple[set[str], set[str]]:
    """Return the private names that the class defines, and those that it uses on itself or its parents."""
    nodes = list(ast.walk(ast.parse(dedent(inspect.getsource(kind)))))
    defined = {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    defined |= {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    used: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) in ("self", "cls", "super()"):
            (defined if isinstance(node.ctx, ast.Store) else used).add(node.attr)
    return {name for name in defined if is_private(name)}, {name for name in used if is_private(name)}


def foreign_names(kind: type) -> set[str]:
    """Return the private names that belong to a base class from a library."""
    if all(map(is_ours, kind.__mro__[:-1])):
        return set()
    of_libraries = {name for parent in kind.__mro__ if not is_ours(parent) for name in vars(parent)}
    names = [private_names(each) for each in kind.__mro__ if is_ours(each)]
    ours = set().union(*(defined for defined, _ in names)) - of_libraries
    return set().union(*names[0]) - ours


@pytest.mark.usefixtures("settings")  # `app.main` makes its application with them
async def test_no_class_uses_a_private_name_that_it_inherits() -> None:
    found = {f"{kind.__module__}.{kind.__qualname__}": foreign_names(kind) for kind in our_classes()}

    assert len(found) > 50
    assert {name: names for name, names in found.items() if names} == {}


class Walker(ast.NodeVisitor):
    _fields = ()

    def __init__(self) -> None:
        self._own = 1

    def walk(self) -> object:
        return (self._own, self._attributes, super()._other)  # type: ignore[misc, attr-defined]


def test_one_would_be_found() -> None:
    assert foreign_names(Walker) == {"_attributes", "_other"}
