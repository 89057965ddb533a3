"""Runs in a project, and prints the pages of the reference, made from its code, as JSON: the text of each by its name.

What has no explanation in the code is an error here.
"""

import ast
import json
import re
import sys
from collections.abc import Iterable, Iterator
from email.headerregistry import Address
from pathlib import Path
from types import NoneType
from typing import Literal, get_args, get_origin

import click
import typer
from limits import RateLimitItem
from prometheus_client import REGISTRY
from pydantic import SecretStr
from pydantic.fields import FieldInfo
from sqlalchemy import URL

sys.path.insert(0, ".")

from app.accounts import errors
from app.core.cli.manage import build
from app.main import app
from app.settings import Settings

DOCS = "../../%7B%7Bcookiecutter.project_slug%7D%7D/docs"
MADE = "Made from the code by `make reference`."
KINDS = {
    bool: "`true` or `false`",
    int: "a whole number",
    str: "a text",
    tuple: "a list, separated by commas",
    SecretStr: "a text, kept secret",
    URL: "the address of a database",
    RateLimitItem: "a rate, such as `5/15minutes`",
    Address: "an e-mail address, with or without a name",
}
UNKNOWN = "…. "
REPEATED = re.compile(r"…(?: ?…)+")
NAME = re.compile(r"(?<![`\w])([A-Z]{2,}_[A-Z_]+)(?![`\w])")


def page(title: str, *parts: str) -> str:
    return "\n\n".join((f"# {title}", MADE, *parts)) + "\n"


def table(*rows: tuple[str, ...]) -> str:
    head, *others = (f"| {' | '.join(cell.replace('|', '&#124;') for cell in row)} |" for row in rows)
    return "\n".join((head, "|" + " --- |" * len(rows[0]), *others))


def explained(text: str | None, of: str) -> str:
    if not text or not text.strip():
        raise SystemExit(f"{of} has no explanation.")
    return " ".join(text.split())


# Settings


def settings() -> str:
    parts = list(_settings())
    return page(
        "Settings",
        f"Set them in the environment or in `.env`: [where settings come from]({DOCS}/settings.md). If a default has "
        "the name of the project, it is different in your project.",
        *parts,
    )


def _settings() -> Iterator[str]:
    examples = _examples()
    for name, field in Settings.model_fields.items():
        text, default = examples.get(name.upper(), ("", ""))
        yield f"## {name.upper()}"
        yield explained(text, f"{name.upper()} in .env.example").replace("<", "&lt;").replace("*", r"\*")
        shown = f"`{default}`" if default else "empty"
        values = f"Values: {_kind(field)}"
        yield f"{values}. No default: it must be set." if field.is_required() else f"{values}. Default: {shown}."


def _examples() -> dict[str, tuple[str, str]]:
    """Return for each setting what `.env.example` says of it, and the default."""
    found = {}
    for paragraph in Path(".env.example").read_text(encoding="utf-8").split("\n\n"):
        lines = paragraph.splitlines()
        text = " ".join(line[2:] for line in lines if line.startswith("# "))
        for line in lines:
            if match := re.fullmatch(r"#?([A-Z_]+)=(.*)", line):
                found[match[1]] = (text, match[2])
    return found


def _kind(field: FieldInfo) -> str:
    annotation = next((each for each in get_args(field.annotation) if each is not NoneType), field.annotation)
    if get_origin(field.annotation) is Literal:
        return ", ".join(f"`{value}`" for value in get_args(field.annotation))
    kind = KINDS[get_origin(field.annotation) if get_origin(field.annotation) is tuple else annotation]
    limits = {"ge": "at least", "le": "at most"}
    found = [
        f"{words} {getattr(each, key)}"
        for each in field.metadata
        for key, words in limits.items()
        if hasattr(each, key)
    ]
    return ", ".join((kind, *found))


# Commands


def commands() -> str:
    group = typer.main.get_command(build())
    context = group.context_class(group, info_name="python manage.py", terminal_width=1000, max_content_width=1000)
    parts = [part for name, command in group.commands.items() for part in _command(name, command, context)]
    return page("Commands", "`python manage.py COMMAND`, in the environment of a project.", *parts)


def _command(name: str, command: click.Command, parent: click.Context) -> Iterator[str]:
    context = command.context_class(command, info_name=name, parent=parent)
    yield f"## {name}"
    help_text = explained(command.help and command.help.replace("\n\n", " \0 "), f"The command {name}")
    yield help_text.replace(" \0 ", "\n\n")
    yield "```text\n" + " ".join(context.get_usage().replace("Usage: ", "").split()) + "\n```"
    rows = [_parameter(name, parameter, context) for parameter in command.params]
    if rows:
        yield table(("", "what it does"), *rows)


def _parameter(command: str, parameter: click.Parameter, context: click.Context) -> tuple[str, str]:
    names, text = parameter.get_help_record(context)
    explained(getattr(parameter, "help", None), f"{names} of {command}")
    return f"`{names.strip()}`", " ".join(text.split()).replace("*", r"\*")


# Checks


def checks() -> str:
    rows = [(f"`{id_}`", when, message, hint) for id_, when, message, hint in sorted(_checks())]
    return page(
        "Checks",
        "What `python manage.py check` finds. The letter of an id is its level: E for an error, W for a warning, I for "
        "information. `…` stands for what differs. An app of yours "
        f"[can add checks]({DOCS}/command-line.md#your-own-checks).",
        table(("id", "runs", "what is wrong", "what to do"), *rows),
    )


def _checks() -> Iterator[tuple[str, str, str, str]]:
    for file in sorted(Path("app").rglob("*.py")):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        for function in ast.walk(tree):
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                yield from _problems(function, _assigned(tree.body))


def _problems(
    function: ast.FunctionDef | ast.AsyncFunctionDef, constants: dict[str, ast.expr]
) -> Iterator[tuple[str, str, str, str]]:
    for node in ast.walk(function):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Problem":
            before = sorted((each for each in ast.walk(function) if _line(each) < node.lineno), key=_line)
            known = constants | _assigned(before)
            id_, message, hint = (_text(argument, known) for argument in node.args)
            if not message.strip(UNKNOWN):
                message = explained(ast.get_docstring(function), f"The check {id_}")
            if not hint.strip(UNKNOWN):
                hint = "The check says what to do."
            yield id_, _when(function), _markdown(message), _markdown(hint)


def _line(node: ast.AST) -> int:
    return getattr(node, "lineno", 0)


def _assigned(nodes: Iterable[ast.AST]) -> dict[str, ast.expr]:
    """Return the last value of each name."""
    simple = (node for node in nodes if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name))
    return {node.targets[0].id: node.value for node in simple}


def _when(function: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    marks = [
        mark for mark in function.decorator_list if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "check"
    ]
    names = {keyword.arg for mark in marks for keyword in mark.keywords}
    return "with `--deploy`" if "deploy" in names else "always"


def _text(node: ast.expr, known: dict[str, ast.expr]) -> str:
    """Return what an expression says, with … for what only a run knows."""
    match node:
        case ast.Constant():
            return str(node.value)
        case ast.JoinedStr():
            return "".join(_text(part, known) for part in node.values)
        case ast.FormattedValue():
            return _text(node.value, known)
        case ast.Name() if node.id in known:
            return _text(known[node.id], {name: value for name, value in known.items() if name != node.id})
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return _text(left, known) + _text(right, known)
    return "…"


def _markdown(text: str) -> str:
    """Mark the names of settings as code, and leave two underscores as they are."""
    return NAME.sub(r"`\1`", REPEATED.sub("…", text)).replace("__", r"\_\_")


# Metrics


def metrics() -> str:
    rows = sorted(_metrics())
    known = {f"{metric.name}_total" if metric.type == "counter" else metric.name for metric in REGISTRY.collect()}
    ours = {name for name in known if not re.match(r"python_|process_", name)}
    assert ours == {name for name, *_ in rows}, "A running project has other metrics than its source."
    shown = [
        (f"`{name}`", kind, ", ".join(f"`{label}`" for label in labels), text) for name, kind, labels, text in rows
    ]
    return page(
        "Metrics",
        f"What `GET /metrics` answers: [who may ask]({DOCS}/monitoring.md#metrics).",
        table(("metric", "kind", "labels", "what it counts"), *shown),
        "If the server is one process, prometheus-client adds its own metrics: `process_…` and `python_…`.",
    )


def _metrics() -> Iterator[tuple[str, str, tuple[str, ...], str]]:
    for file in sorted(Path("app").rglob("*.py")):
        source = file.read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(source)) if "prometheus_client" in source else ():
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id in ("Counter", "Gauge", "Histogram")
            ):
                name, text, *labels = (ast.literal_eval(argument) for argument in node.args)
                kind = node.func.id.lower()
                total = f"{name}_total" if kind == "counter" else name
                yield total, kind, tuple(labels[0]) if labels else (), explained(text, name)


# Errors


def error_page() -> str:
    document = app.openapi()
    by_status: dict[str, set[str]] = {}
    for operations in document["paths"].values():
        for operation in operations.values():
            for status, response in operation["responses"].items():
                by_status.setdefault(status, set()).add(response["description"])
    meanings = [(status, _meaning(status, texts)) for status, texts in sorted(by_status.items()) if status >= "400"]
    routes = [
        (
            f"`{method.upper()} {path}`",
            ", ".join(sorted(status for status in operation["responses"] if status >= "400")),
        )
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    ]
    return page(
        "Errors",
        f"The form of errors, and how to raise one: [Errors]({DOCS}/errors.md).",
        "## Statuses",
        table(("status", "when"), *meanings),
        "## Errors of use cases",
        "Use cases of `app.accounts` raise these. Each is an `AccountsError`, and a route answers with its status.",
        table(("error", "status", "when"), *_use_case_errors()),
        "## Routes",
        table(("route", "statuses of errors"), *routes),
    )


STATUSES = {
    "400": "The request is wrong: a form at `/token` (RFC 6749, 5.2), the current password, a link that was used.",
    "401": "The caller must log in: no token, or one that is not valid. `WWW-Authenticate` says which (RFC 6750, 3).",
    "403": "The caller lacks a permission. `detail` names it.",
    "404": "There is no such thing, or it belongs to somebody else.",
    "409": "A value that must be unique is taken, or another request was quicker.",
    "413": "The body is too large.",
    "422": "Fields are wrong. `detail` lists all faults.",
    "429": "A limit is reached. `Retry-After` says after how many seconds to try again.",
    "503": "The server is busy, or a service that it needs is away. `Retry-After` says when to try again.",
}


def _meaning(status: str, texts: set[str]) -> str:
    return explained(STATUSES.get(status), f"The status {status} ({', '.join(texts)})")


def _use_case_errors() -> Iterator[tuple[str, ...]]:
    for error in errors.AccountsError.__subclasses__():
        text = (error.__doc__ or error.text).strip().partition("\n")[0].rstrip(".")
        yield f"`{error.__name__}`", str(error.status_code), explained(text, error.__name__) + "."


if __name__ == "__main__":
    pages = {
        "settings": settings(),
        "commands": commands(),
        "checks": checks(),
        "metrics": metrics(),
        "errors": error_page(),
    }
    print(json.dumps(pages))
