"""Answers that the template accepts, answers that it refuses, and their effect."""

import json
import random
import re
import subprocess
import tomllib
from itertools import count, zip_longest
from pathlib import Path
from typing import Any

import pytest
import yaml
from markdown_it import MarkdownIt
from markdown_it.common.utils import escapeHtml

import answers
from tests.conftest import Render, Run

PACKAGE_NAME = re.compile("[A-Z0-9]|[A-Z0-9][A-Z0-9._-]*[A-Z0-9]", re.IGNORECASE)  # PEP 508
FREE_TEXT = ("project_name", "project_slug", "project_description", "author_name", "author_email")

ACCEPTED = [
    ("project_name", 'O\'Brien "the" Dev\\'),
    ("project_name", "🚀🚀🚀"),
    ("project_name", "我的服务"),
    ("project_name", "می\u200cخواهم"),
    ("project_name", "3D printing"),
    ("project_name", "CON"),
    ("project_name", "x" * 100),
    ("project_name", "$(touch x) `touch x` ; touch x"),
    ("project_name", "</script><script>alert(1)</script>"),
    ("project_name", "../../etc/passwd"),
    ("project_name", "%(title)s {0} ${HOME} %PATH%"),
    ("project_slug", "class"),
    ("project_slug", "fastapi"),
    ("project_slug", "a"),
    ("project_slug", "a-"),
    ("project_slug", "x__y--" + "z" * 44),
    ("project_description", ""),
    ("project_description", '"""'),
    ("project_description", "'''\\"),
    ("project_description", '"\\n[tool.ruff]\\nline-length = 1 #'),
    ("project_description", "key: {a: [b, *c]} & !!python/object @ | > %TAG # no comment"),
    ("project_description", "- [ ] ![x](y) <b>*bold*</b> _x_ `code` | ~~gone~~ $x$ &amp;"),
    ("project_description", "\\u0041\\x41\\0\\"),
    ("author_name", "null"),
    ("author_name", "👩🏽\u200d💻 José Ñandú"),
    ("author_name", "Acme, Inc. <acme@example.com>"),
    ("author_name", "${POSTGRES_PASSWORD}"),
    ("author_name", "} }} %} #}"),
    ("author_email", "o'brien+a=b{c|d}~!#$%&*/?^_`@sub.example.co.uk"),
]

REFUSED = [
    ("project_name", "", "it is empty"),
    ("project_name", " \u00a0\u200b", "it is empty"),
    ("project_name", "x" * 300, "it has 300 characters"),
    ("project_name", "two\nlines", "U+000A"),
    ("project_name", "nul\0", "U+0000"),
    ("project_name", "\x1b[31mred", "U+001B"),
    ("project_name", "\u202egnp.exe", "U+202E"),
    ("project_name", "not UTF-8: \udcff", "U+DCFF"),
    ("project_name", " padded", "it begins or ends with a space"),
    ("project_slug", "../x", "it must begin with"),
    ("project_slug", "/absolute", "it must begin with"),
    ("project_slug", "a/b", "it must begin with"),
    ("project_slug", "a\\b", "it must begin with"),
    ("project_slug", ".", "it must begin with"),
    ("project_slug", "My Service", "it must begin with"),
    ("project_slug", "$(touch x)", "it must begin with"),
    ("project_slug", "проект", "it must begin with"),
    ("project_slug", "aux", "Windows reserves"),
    ("project_slug", "x" * 51, "it has 51 characters"),
    ("project_slug", "", "it is empty"),
    ("project_description", "x" * 301, "it has 301 characters"),
    ("project_description", "a line separator:\u2028", "U+2028"),
    ("author_name", "tab\tbed", "U+0009"),
    ("author_name", "\ufeffAda", "U+FEFF"),
    ("author_email", "nobody", "it is not an e-mail address"),
    ("author_email", "Ada <ada@example.com>", "it is not an e-mail address"),
    ("author_email", "ada@example.com\nBcc: eve@example.com", "U+000A"),
    ("author_email", "$(touch x)@example.com", "it is not an e-mail address"),
]

# cookiecutter renders the answers on the command line before our code sees them.
JINJA = [
    ("project_name", "{{ undefined }}", "'undefined' is undefined"),
    ("project_slug", "{{ 7*7", "TemplateSyntaxError"),
    ("project_description", "#% if", "TemplateSyntaxError"),
]


def numbered(cases: list[tuple[str, ...]]) -> list[str]:
    return [f"{case[0]}-{number}" for number, case in enumerate(cases)]


def read_answers(project: Path) -> dict[str, str]:
    """Return the project's own metadata."""
    pyproject = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))
    author = pyproject["project"]["authors"][0]
    return {
        "project_name": pyproject["tool"]["app"]["title"],
        "project_slug": project.name,
        "project_description": pyproject["project"]["description"],
        "author_name": author["name"],
        "author_email": author["email"],
    }


def assert_sound(project: Path, environment: Path) -> None:
    """Every file with an answer parses, ruff accepts its settings, and the app can be imported."""
    pyproject = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))
    assert PACKAGE_NAME.fullmatch(pyproject["project"]["name"])
    for name in ("compose.yaml", ".github/workflows/ci.yml"):
        assert yaml.safe_load((project / name).read_text(encoding="utf-8"))
    for line in (project / ".env").read_text(encoding="utf-8").splitlines():
        assert re.fullmatch(r"(#.*|[A-Z_]+=\S*|)", line)
    for command in (["-m", "ruff", "check", "manage.py"], ["-c", "import app.main"]):
        subprocess.run([environment, *command], cwd=project, check=True)


def test_sixty_hostile_answers_are_tried_on_all_five_prompts() -> None:
    hostile = [case[0] for case in (*ACCEPTED, *REFUSED, *JINJA)]
    assert len(hostile) == 60
    assert len(ACCEPTED) >= 20
    assert set(hostile) == set(FREE_TEXT)


def rounds() -> list[dict[str, str]]:
    """Each round answers as many prompts as it can: to render and import a project takes seconds."""
    columns = [[case for case in ACCEPTED if case[0] == name] for name in FREE_TEXT]
    return [dict(filter(None, cases)) for cases in zip_longest(*columns)]


@pytest.mark.parametrize("given", rounds(), ids=map(str, count(1)))
def test_accepted_answers_arrive_unchanged_in_a_sound_project(
    given: dict[str, str], run: Run, output: Path, environment: Path
) -> None:
    result = run("--no-input", *(f"{name}={text}" for name, text in given.items()))
    assert (result.returncode, result.stderr) == (0, "")
    (project,) = output.iterdir()
    assert list(output.parent.iterdir()) == [output]
    assert read_answers(project).items() >= given.items()
    assert_sound(project, environment)


@pytest.mark.parametrize(("name", "text", "reason"), REFUSED, ids=numbered([*REFUSED]))
def test_a_refused_answer_leaves_nothing(name: str, text: str, reason: str, render: Render, output: Path) -> None:
    answer: Any = {name: text}
    with pytest.raises(SystemExit) as refusal:
        render(**answer)
    line = str(refusal.value)
    assert line.isprintable()
    assert line.startswith(f"{name}: ")
    assert reason in line
    assert line.endswith(answers.RULES[name].example)
    assert list(output.parent.rglob("*")) == [output]
    assert not Path("/absolute").exists()


@pytest.mark.parametrize(
    ("name", "text"), [("project_slug", "../x"), ("author_email", "ada@example.com\nBcc: eve@x.org")]
)
def test_a_refused_answer_gives_one_line(name: str, text: str, run: Run, output: Path) -> None:
    result = run("--no-input", f"{name}={text}")
    assert (result.returncode, result.stdout) == (1, "")
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"{name}: ")
    assert list(output.parent.rglob("*")) == [output]


@pytest.mark.parametrize(("name", "text", "reason"), JINJA, ids=numbered([*JINJA]))
def test_broken_jinja_on_the_command_line_leaves_nothing(
    name: str, text: str, reason: str, run: Run, output: Path
) -> None:
    result = run("--no-input", f"{name}={text}")
    assert result.returncode == 1
    assert reason in result.stdout + result.stderr
    assert list(output.parent.rglob("*")) == [output]


def test_jinja_on_the_command_line_is_computed_once(render: Render) -> None:
    assert read_answers(render(project_name="{{ 7*7 }}"))["project_name"] == "49"


def test_a_wrong_answer_stops_at_its_own_prompt(run: Run, output: Path) -> None:
    result = run(keyboard="My Service\na/b\n")
    assert result.returncode == 1
    assert result.stderr.startswith("project_slug: 'a/b' is refused: ")
    assert "[2/8]" in result.stdout
    assert "[3/8]" not in result.stdout
    assert list(output.iterdir()) == []


def test_jinja_at_a_prompt_is_refused(run: Run, output: Path) -> None:
    result = run(keyboard="{{ 7*7 }}\n")
    assert result.returncode == 1
    assert result.stderr.startswith("project_name: '{{ 7*7 }}' is refused: it contains {{")
    assert list(output.iterdir()) == []


def test_the_prompts_are_eight_sentences_and_every_choice_has_a_label(template: Path) -> None:
    context = json.loads((template / "cookiecutter.json").read_text(encoding="utf-8"))
    visible = {name: default for name, default in context.items() if not name.startswith("_")}
    choices = {name: default for name, default in visible.items() if isinstance(default, list)}
    prompts = context["__prompts__"]
    assert len(visible) == 8
    assert prompts.keys() == visible.keys()
    assert all(prompts[name].keys() == {"__prompt__", *choices[name]} for name in choices)


@pytest.mark.parametrize("name", FREE_TEXT)
def test_the_example_of_a_rule_is_accepted(name: str) -> None:
    assert answers.checked(answers.RULES[name].example, name) == ""


@pytest.mark.parametrize("answer", [None, True, 7, ["a"]])
def test_what_is_no_text_is_refused(answer: object) -> None:
    with pytest.raises(SystemExit, match=r"^author_name: .* is refused: it is not text\. "):
        answers.checked(answer, "author_name")


def test_a_long_answer_is_not_repeated_in_full() -> None:
    with pytest.raises(SystemExit) as refusal:
        answers.checked("x" * 10_000, "project_name")
    assert len(str(refusal.value)) < 200


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("My Service", "my-service"),
        ("Zürich & Söhne", "zurich-sohne"),
        ("我的服务", "wo-de-fu-wu"),
        ("3D", "service-3d"),
        ("🚀", "service"),
        ("__--__", "service"),
        ("Con", "service-con"),
        ("x" * 300, "x" * 50),
        ("a" * 49 + " b", "a" * 49),
    ],
)
def test_a_slug_says_the_name_as_well_as_it_can(name: str, slug: str) -> None:
    assert answers.slug(name) == slug


def test_every_accepted_name_gives_an_accepted_slug() -> None:
    dice = random.Random(0)  # noqa: S311 (the same names at every run)
    blocks = [
        range(0x20, 0x7F),
        range(0xA0, 0x3000),
        range(0x3000, 0xE000),
        range(0x1F300, 0x1FB00),
    ]
    names = ["".join(map(chr, dice.choices(dice.choice(blocks), k=dice.randrange(9)))) for _ in range(4000)]
    rule = answers.RULES["project_name"]
    accepted = [name for name in names if not any(answers.objections(name, rule))]
    assert len(accepted) > 2000
    for name in accepted:
        assert answers.checked(answers.slug(name), "project_slug") == ""


@pytest.mark.parametrize("text", [text for _, text in ACCEPTED], ids=numbered([*ACCEPTED]))
def test_escaped_text_is_itself_again_once_read(text: str) -> None:
    quoted = f'"{answers.in_string(text)}"'
    assert json.loads(quoted) == text
    assert yaml.safe_load(quoted) == text
    assert tomllib.loads(f"text = {quoted}") == {"text": text}


MARKUP = ["- x", "+ x", "1. x", "2) x", "# x", "=", "---", "***", "> x", "```", "~~~", "a  b"]


@pytest.mark.parametrize("text", [*(text for _, text in ACCEPTED if text), *MARKUP])
def test_markdown_shows_the_text_and_nothing_else(text: str) -> None:
    markdown = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    escaped = answers.in_markdown(text)
    html = markdown.render(f"# {escaped}\n\nA line.\n\n{escaped}\n")
    shown = escapeHtml(text)
    assert html == f"<h1>{shown}</h1>\n<p>A line.</p>\n<p>{shown}</p>\n"


@pytest.mark.parametrize("slug", ["a", "a-", "a_-_", "my-service", "x__y"])
def test_a_package_name_is_one_by_pep_508(slug: str) -> None:
    assert PACKAGE_NAME.fullmatch(answers.package_name(slug))
