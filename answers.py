"""Jinja filters. They refuse wrong answers before anything is written, and escape good ones.

The hook also gets the template's folder from here, because cookiecutter may know it only relative to another folder.

cookiecutter loads the class that `cookiecutter.json` lists in `_extensions`.
"""

import json
import re
import sys
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment
from jinja2.ext import Extension
from slugify import slugify

ANYTHING = re.compile(".*")
SLUG = re.compile("[a-z][a-z0-9_-]{0,49}")

# The part before the @ is a dot-atom (RFC 5322): nobody uses the quoted form. The domain is as in RFC 1035.
ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
EMAIL = re.compile(rf"{ATOM}(?:\.{ATOM})*@{LABEL}(?:\.{LABEL})+")

# Windows does not allow folders with these names, in upper or lower case.
DEVICES = frozenset({"con", "prn", "aux", "nul"} | {f"{port}{n}" for port in ("com", "lpt") for n in range(10)})

# With cruft, cookiecutter renders the saved answers again.
JINJA = ("{{", "{%", "{#", "#%")

# Controls, format characters (some change the direction of text), lone surrogates, line and paragraph separators. All
# are invisible, and TOML or YAML forbid most of them.
UNSEEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
JOINERS = frozenset("\u200c\u200d")  # Persian words and many emoji need them

SHOWN = 40  # characters: the message repeats this much of a refused answer


@dataclass(frozen=True)
class Rule:
    """The rule for an answer. The example follows it."""

    example: str
    longest: int
    optional: bool = False
    shape: re.Pattern[str] = ANYTHING
    misshapen: str = ""
    reserved: frozenset[str] = frozenset()


RULES = {
    "project_name": Rule("My Service", longest=100),
    "project_slug": Rule(
        "my-service",
        longest=50,
        shape=SLUG,
        misshapen="it must begin with a-z and continue with a-z, 0-9, - or _",
        reserved=DEVICES,
    ),
    "project_description": Rule("Keeps the books.", longest=300, optional=True),
    "author_name": Rule("Ada Lovelace", longest=100),
    "author_email": Rule(
        "ada@example.com",
        longest=254,  # RFC 5321, 4.5.3.1.3, without the angle brackets
        shape=EMAIL,
        misshapen="it is not an e-mail address",
    ),
}


def checked(answer: object, name: str) -> str:
    """Return an empty text, or end the program with one line that says what is wrong."""
    rule = RULES[name]
    for objection in objections(answer, rule):
        line = f"{name}: {_shown(answer)} is refused: {objection}."
        raise SystemExit(f"{line} A valid example: {rule.example}")
    return ""


def objections(answer: object, rule: Rule) -> Iterator[str]:
    """Yield the reasons against an answer, the simplest first."""
    if not isinstance(answer, str):
        yield "it is not text"
        return
    if not rule.optional and _is_blank(answer):
        yield "it is empty"
    if len(answer) > rule.longest:
        yield f"it has {len(answer)} characters, more than the maximum of {rule.longest}"
    for character in filter(_is_unseen, answer):
        yield f"it contains the invisible character U+{ord(character):04X}"
    for mark in JINJA:
        if mark in answer:
            yield f"it contains {mark}, which begins Jinja code"
    if answer != answer.strip():
        yield "it begins or ends with a space"
    if not rule.shape.fullmatch(answer):
        yield rule.misshapen
    if answer in rule.reserved:
        yield "Windows reserves this name for a device"


def _is_blank(text: str) -> bool:
    return all(unicodedata.category(character) in ("Zs", "Cf") for character in text)


def _is_unseen(character: str) -> bool:
    if ord(character) & 0xFFFE == 0xFFFE:  # U+FFFE, U+FFFF and similar ones are not characters
        return True
    return unicodedata.category(character) in UNSEEN and character not in JOINERS


def _shown(answer: object) -> str:
    text = repr(answer)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def slug(name: str) -> str:
    """Return a name for the folder, which `checked` accepts for every name of a project."""
    words = slugify(name)
    if not words[:1].isalpha() or words in DEVICES:
        words = f"service-{words}"
    return words[:50].rstrip("-")


def package_name(folder: str) -> str:
    """The name of a folder may end with - or _. The name of a Python package may not (PEP 508)."""
    return folder.rstrip("-_")


def in_string(text: str) -> str:
    """Escape text inside double quotes, for TOML, YAML and JSON.

    These three differ only in characters that `checked` refuses.
    """
    return json.dumps(text, ensure_ascii=False)[1:-1]


def in_markdown(text: str) -> str:
    """Escape the markup of CommonMark and GitHub, also at the start of a line."""
    text = re.sub(r"[\\`*_\[\]<>&|~$#]", r"\\\g<0>", text)
    return re.sub(r"^(\d*)([-+=.)])", r"\1\\\2", text)


class Answers(Extension):
    """Adds the filters, and `template_folder`, to Jinja."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        for function in (checked, slug, package_name, in_string, in_markdown):
            environment.filters[function.__name__] = function
        environment.globals["template_folder"] = str(Path(__file__).resolve().parent)
        # `cruft update` renders the old and the new template in one process (cruft/cruft#253).
        # Without this module in the cache, each version imports its own filters.
        sys.modules.pop(__name__, None)
