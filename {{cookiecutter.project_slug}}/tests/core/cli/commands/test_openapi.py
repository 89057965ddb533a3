import json
from pathlib import Path

import pytest

from app.core.cli.commands.openapi import differences, parts
from app.core.db import Database
from tests.commands import call


@pytest.fixture
async def file(database: Database, tmp_path: Path) -> Path:
    """What the command writes."""
    file = tmp_path / "openapi.json"
    assert (await call("openapi", "--output", str(file))) == (0, "", "")
    return file


async def test_the_document_is_printed_or_written(file: Path) -> None:
    text = file.read_text(encoding="utf-8")

    assert "/users/me" in json.loads(text)["paths"]
    assert (await call("openapi")).out == text


async def test_a_file_that_is_what_the_code_says_passes_with_any_public_address(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("http://127.0.0.1:8000", "https://api.example.com"), encoding="utf-8")

    assert await call("openapi", "--check", str(file)) == (0, "", "")


async def test_what_differs_is_listed_with_what_to_do(file: Path) -> None:
    document = json.loads(file.read_text(encoding="utf-8"))
    document["paths"]["/posts"] = {"get": {}}
    document["paths"]["/users/me"]["get"]["summary"] = "Another"
    del document["components"]["schemas"]["UserRead"]
    file.write_text(json.dumps(document), encoding="utf-8")

    outcome = await call("openapi", "--check", str(file))

    assert outcome.status == 1
    assert [line.split(maxsplit=1) for line in outcome.out.splitlines()] == [
        ["added", "schemas/UserRead"],
        ["removed", "GET /posts"],
        ["changed", "GET /users/me"],
    ]
    assert outcome.err.startswith(f"{file} does not match the code. Run `python manage.py openapi --output {file}`")


@pytest.mark.parametrize("text", ["", "no JSON", "[]", "[" * 100_000, '{"paths": 1}', "\xff"])
async def test_another_file_is_one_line(database: Database, tmp_path: Path, text: str) -> None:
    file = tmp_path / "openapi.json"
    missing = await call("openapi", "--check", str(file))
    assert (missing.status, missing.err) == (
        1,
        f"{file} is missing. Run `python manage.py openapi --output {file}`.",
    )

    file.write_text(text, encoding="latin-1")
    outcome = await call("openapi", "--check", str(file))
    assert (outcome.status, outcome.err.partition(". ")[0]) == (1, f"{file} is not an OpenAPI document")


async def test_a_file_that_cannot_be_written_is_one_line(database: Database, tmp_path: Path) -> None:
    file = tmp_path / "missing" / "openapi.json"

    assert (await call("openapi", "--output", str(file))).err == f"{file} cannot be written: No such file or directory."


def test_the_head_of_the_document_counts_too() -> None:
    old, new = {"info": {"version": "1"}, "servers": [1]}, {"info": {"version": "2"}, "servers": [2]}

    assert list(differences(parts(old), parts(new))) == [("changed", "info")]
