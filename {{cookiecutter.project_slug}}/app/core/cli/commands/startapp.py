"""Makes a new app. `app/core/cli/startapp` has the parts, and `app/core/cli/templates/startapp` the templates."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from fastapi.routing import iter_route_contexts

from app.core.cli.application import load_application
from app.core.cli.commands.migrations import format_files
from app.core.cli.errors import CommandError, refusal
from app.core.cli.startapp.files import bare_files, files, hidden_names, write
from app.core.cli.startapp.grammar import parse_all
from app.core.cli.startapp.names import Names, model_of, plural_of
from app.core.cli.startapp.new_app import NewApp
from app.core.cli.startapp.targets import resolve
from app.core.db import Base
from app.core.settings import BASE_DIR

cli = typer.Typer()

# Settings or a proxy may turn these paths on, so no app may use them.
RESERVED = frozenset({"admin", "docs", "static"})
PACKAGES = frozenset({"app", "tests"})
MAX_IDENTIFIER = 63  # characters, in PostgreSQL
MORE_MODELS = " To add a model to it, see docs/apps.md, More models in one app."
DEFAULT_FIELDS = ("title:str:200", "text:text")


@cli.command(rich_help_panel="Project")
def startapp(
    name: Annotated[str, typer.Argument(help="The name for its folder, routes and permissions, for example `notes`.")],
    fields: Annotated[
        list[str] | None,
        typer.Argument(help="The fields, each as NAME:TYPE[:ARGUMENT][:MODIFIER …]. Default: a title and a text."),
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="The class of its first table. Default: the name in the singular, as `Note`.")
    ] = None,
    plural: Annotated[
        str | None, typer.Option(help="The plural of the model, if it is not regular, for example `people`.")
    ] = None,
    owned: Annotated[bool, typer.Option("--owned", help="Each row belongs to the user who made it.")] = False,
    bare: Annotated[bool, typer.Option("--bare", help="Make an empty app, without a model.")] = False,
) -> None:
    """Make a new app: a table with its migration, routes with filters and permissions, an admin page, and tests.

    The new app works at once. For example:

    `startapp notes`

    `startapp tags name:str:50:unique`

    `startapp blog --model Post title:str:200:search status:enum:draft,published
    author:ref:accounts.User tags:many:tags.Tag`

    The types are str (with a length), slug, text, int, float, decimal (`10,2`), bool, date, datetime, uuid, email, url,
    json, enum (`draft,published`), ref (`accounts.User`) and many (`tags.Tag`). The modifiers are optional, unique,
    index, search, and for a ref cascade, restrict or setnull. docs/apps.md explains them.
    """
    if bare:
        if fields or model or plural or owned:
            raise CommandError("With `--bare` there is no model, so leave out the fields and the other options.")
        _refuse(_faults_of_name(Names(name, "Bare", "bare")))
        _write(bare_files(name))
        print("Next: write its modules, see docs/apps.md.")
        return
    model = model_of(name) if model is None else model
    plural = plural_of(Names(name, model, "").item) if plural is None else plural
    app = NewApp(name, model, plural, parse_all(fields or DEFAULT_FIELDS), owned)
    _refuse(_faults_of_name(app))
    app = resolve(app)
    _refuse(_faults_of_model(app))
    _write(files(app))
    print("Next: `python manage.py migrate` and `make test`.")


def _refuse(faults: Iterator[str]) -> None:
    """Raise the first one. Later checks rely on earlier ones."""
    for fault in faults:
        raise CommandError(fault)


def _write(sources: Mapping[Path, str]) -> None:
    try:
        write(sources)
    except OSError as error:
        raise CommandError(f"The app cannot be written. {refusal(error)}") from None
    format_files(*sources)  # the length of lines depends on the names
    for path in sources:
        print(f"Wrote {path.relative_to(BASE_DIR).as_posix()}")


def _faults_of_name(app: Names) -> Iterator[str]:
    yield from app.faults()
    for folder in ("app", "tests"):
        for path in (BASE_DIR / folder / app.name, BASE_DIR / folder / f"{app.name}.py"):
            if path.exists():
                hint = MORE_MODELS if (path / "__init__.py").exists() and folder == "app" else ""
                yield f"{app.name!r} is taken: {path.relative_to(BASE_DIR).as_posix()} exists.{hint}"
    if app.name in PACKAGES:
        yield f"{app.name!r} is taken: it is a package of the project."
    served = {str(route.path).split("/")[1] for route in iter_route_contexts(load_application().routes) if route.path}
    if app.path[1:] in served | RESERVED:
        yield f"{app.name!r} is taken: there is a route {app.path}."
    if any(app.name in operation.get("tags", ()) for operation in _operations()):
        yield f"{app.name!r} is taken: routes have this tag."


def _faults_of_model(app: NewApp) -> Iterator[str]:
    for function in sorted(app.functions & {operation["operationId"] for operation in _operations()}):
        yield f"{app.model!r} is taken: a route is called {function}. Choose another with `--model`."
    if app.table in Base.metadata.tables:
        yield f"{app.model!r} is taken: there is a table {app.table}. Choose another with `--model`."
    for field in app.relations:
        if field.target and field.target.is_self and field.type == "ref" and not field.is_optional:
            yield f"{field.name!r} must be 'optional': the first {app.text} has no other one to refer to."
    for name in app.long_names:
        if len(name) > MAX_IDENTIFIER:
            yield (
                f"The name {name} is longer than {MAX_IDENTIFIER} characters. "
                "PostgreSQL would cut it, so shorten its parts."
            )
    for name in hidden_names(app):
        of_a_field = any(field.name in name for field in app.fields)
        advice = "another name for the field" if of_a_field else f"another model than {app.model} with `--model`"
        yield f"The name {name!r} would have two meanings in the files of the new app. Choose {advice}."


def _operations() -> list[dict[str, Any]]:
    return [each for methods in load_application().openapi()["paths"].values() for each in methods.values()]
