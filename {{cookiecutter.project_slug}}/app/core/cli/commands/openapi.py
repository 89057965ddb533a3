import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from app.core.cli.application import load_application
from app.core.cli.console import print_table
from app.core.cli.errors import CommandError

cli = typer.Typer()

Parts = dict[str, Any]


@cli.command(rich_help_panel="Server")
def openapi(
    output: Annotated[
        Path | None, typer.Option("--output", "-o", dir_okay=False, help="Write it into this file instead.")
    ] = None,
    check: Annotated[
        Path | None, typer.Option(dir_okay=False, help="Only compare it with this file; exit status 1 if it differs.")
    ] = None,
) -> None:
    """Print the OpenAPI document, for client generators.

    Keep it in a file beside the clients: `openapi --output openapi.json`. In CI, `openapi --check openapi.json` fails
    if the file does not match the code, and lists what differs. `servers` is not compared: it is PUBLIC_URL, which
    each machine sets.
    """
    document = load_application().openapi()
    if check is not None:
        return _compare(check, document)
    text = json.dumps(document, indent=2, ensure_ascii=False)
    if output is None:
        return print(text)
    try:
        output.write_text(text + "\n", encoding="utf-8", newline="\n")
    except OSError as error:
        raise CommandError(f"{output} cannot be written: {error.strerror}.") from None
    return None


def _compare(file: Path, document: Any) -> None:
    renew = f"Run `python manage.py openapi --output {file}`"
    try:
        kept = parts(json.loads(file.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise CommandError(f"{file} is missing. {renew}.") from None
    except (OSError, ValueError, TypeError, AttributeError, RecursionError):
        raise CommandError(f"{file} is not an OpenAPI document. {renew}.") from None
    if rows := list(differences(kept, parts(json.loads(json.dumps(document))))):
        print_table(("Change", "Part"), rows)
        raise CommandError(f"{file} does not match the code. {renew}, make the clients again, and commit both.")


def parts(document: Mapping[str, Any]) -> Parts:
    """Return each operation, each schema and the rest by a name."""
    rest = {name: value for name, value in document.items() if name not in ("paths", "components", "servers")}
    paths = document.get("paths", {}).items()
    operations = {f"{method.upper()} {path}": item for path, items in paths for method, item in items.items()}
    components = {
        f"{kind}/{name}": component
        for kind, named in document.get("components", {}).items()
        for name, component in named.items()
    }
    return rest | operations | components


def differences(old: Parts, new: Parts) -> Iterator[tuple[str, str]]:
    yield from (("added", name) for name in sorted(new.keys() - old.keys()))
    yield from (("removed", name) for name in sorted(old.keys() - new.keys()))
    yield from (("changed", name) for name in sorted(old.keys() & new.keys()) if old[name] != new[name])
