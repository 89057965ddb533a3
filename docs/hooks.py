"""Hooks of MkDocs. The site shows files where they are: nothing is copied into `docs/`.

A page has its path in the repository as its source, so the same relative links work here and in the repository.
"""

import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parent.parent
PROJECT = "{{cookiecutter.project_slug}}/docs"
HOME = "README.md"

ROW = re.compile(r"^\| \[[\w.-]+\]\(([\w.-]+)\)", re.MULTILINE)  # of the table in the project's index
TITLE = re.compile(r"^( *```\w+) (\S+)$", re.MULTILINE)  # a fence with the path of a file
DIAGRAM = re.compile(r"^```mermaid\n.*?^```$", re.MULTILINE | re.DOTALL)
PICTURE = "![The parts of a project](../../docs/images/architecture.svg)"


def on_config(config: MkDocsConfig) -> None:
    """List the pages of a project as their index does, and those beside the README."""
    sections = {title: pages for entry in config.nav or () for title, pages in entry.items()}
    index = (ROOT / PROJECT / "README.md").read_text(encoding="utf-8")
    sections["Your project"] += [f"{PROJECT}/{name}" for name in ROW.findall(index)]
    sections["About"] += [page for page in _beside_the_readme() if page != HOME]


def _beside_the_readme() -> list[str]:
    return sorted(path.name for path in ROOT.glob("*.md"))


def on_files(files: Files, config: MkDocsConfig) -> None:
    own = [file for file in files if file.src_dir == config.docs_dir]
    for file in own:
        files.remove(file)
    paths = [f"docs/{file.src_uri}" for file in own if not file.src_uri.endswith(".py")]
    paths += [path.relative_to(ROOT).as_posix() for path in sorted((ROOT / PROJECT).iterdir())]
    paths += [path.relative_to(ROOT).as_posix() for path in sorted(ROOT.glob("examples/*/README.md"))]
    for path in (*paths, *_beside_the_readme()):
        files.append(File(path, str(ROOT), config.site_dir, config.use_directory_urls, dest_uri=_address(path)))


def _address(path: str) -> str:
    """Pictures stay where they are: the README names them in HTML, which nobody rewrites."""
    if not path.endswith(".md"):
        return path
    name = path.removesuffix(".md").replace(PROJECT, "project").removeprefix("docs/").lower()
    return f"{name.removesuffix('readme')}/index.html".lstrip("/").replace("//", "/")


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """GitHub draws diagrams by a script of another host, and takes a path behind the name of a language."""
    return TITLE.sub(r'\1 title="\2"', DIAGRAM.sub(PICTURE, markdown))
