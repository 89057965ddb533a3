"""What `make lint` reports about wrong imports."""

import pytest
from grimp import ImportGraph
from importlinter import ContractCheck

from tests.import_contracts import MAX_ENTRIES, FrontDoorsContract


def check(*imports: tuple[str, str]) -> ContractCheck:
    graph = ImportGraph()
    graph.add_module("app.core")
    for importer, imported in imports:
        graph.add_import(importer=importer, imported=imported)
    return FrontDoorsContract("doors", {}, {"public": ["app.shop.auth"]}).check(graph, verbose=False)


@pytest.mark.parametrize(
    ("importer", "imported"),
    [
        ("app.main", "app.blog"),
        ("app.main", "app.core.db"),
        ("app.blog.routes", "app.blog.models"),
        ("app.blog.routes", "app.core.db"),
        ("app.blog.routes", "app.settings"),
        ("app.blog.routes", "app.shop"),
        ("app.blog.routes", "app.shop.auth"),
        ("app.blog", "app.blog.models"),
        ("app.core.web.errors", "app.core.db"),
        ("app.core.web.errors", "app.core.web.pages.rendering"),
        ("app.core.db.connections.engine", "app.core.registry"),
        ("app.core.db", "app.core.db.connections.engine"),
        ("app.settings", "app.core.settings"),
    ],
)
def test_what_may_be_imported(importer: str, imported: str) -> None:
    assert check((importer, imported)).kept


@pytest.mark.parametrize(
    ("importer", "imported", "advice"),
    [
        ("app.blog.routes", "app.core.db.search", "Import from app.core.db instead"),
        ("app.main", "app.core.web.errors", "Import from app.core.web instead"),
        ("app.core.web.errors", "app.core.db.errors", "Import from app.core.db instead"),
        ("app.settings", "app.core.settings.urls", "Import from app.core.settings instead"),
        ("app.blog.routes", "app.shop.models", "Import from app.shop instead"),
        ("app.migrations.env", "app.blog.models", "Import from app.blog instead"),
        ("app.blog.routes", "app.main", "Nothing may import it"),
        ("app.core.db.connections.engine", "app.blog", "Core may not import apps"),
        ("app.settings", "app.blog", "Core may not import apps"),
        ("app.core.db.connections.engine", "app.core.db", "Import from the module that defines the name"),
        ("app.blog.routes", "app.blog", "Import from the module that defines the name"),
    ],
)
def test_what_must_not_be_imported(importer: str, imported: str, advice: str) -> None:
    (fault,) = check((importer, imported)).metadata["broken"]

    assert fault.startswith(f"{importer} imports {imported}")
    assert advice in fault


def test_a_circle_of_apps_is_shown_once_and_in_full() -> None:
    steps = [("app.blog.a", "app.shop"), ("app.shop", "app.shop.b"), ("app.shop.b", "app.blog.a")]
    broken = check(*steps).metadata["broken"]
    circles = [fault for fault in broken if "circle" in fault]

    assert [fault.partition(" is ")[0] for fault in circles] == ["app.blog.a → app.shop → app.shop.b → app.blog.a"]


def test_a_circle_of_settings_and_core_is_found() -> None:
    broken = check(("app.settings", "app.core.settings"), ("app.core.settings", "app.settings")).metadata["broken"]

    assert "app.core.settings → app.settings → app.core.settings" in broken[0]


def test_the_top_of_core_stays_small() -> None:
    rooms = [("app.main", f"app.core.room{number}") for number in range(MAX_ENTRIES)]

    (fault,) = check(*rooms).metadata["broken"]

    assert fault.startswith(f"app.core has {MAX_ENTRIES + 1} entries")
