"""The pages of the documentation."""

from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token


def pages(root: Path) -> list[Path]:
    return [*root.glob("*.md"), *root.glob("docs/**/*.md"), *root.glob("examples/*/*.md")]


def parsed(page: Path) -> list[Token]:
    return MarkdownIt("commonmark").enable("table").parse(page.read_text(encoding="utf-8"))
