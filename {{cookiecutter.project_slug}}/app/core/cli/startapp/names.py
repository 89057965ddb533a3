"""The names in a new app."""

import keyword
import re
from collections.abc import Iterator
from dataclasses import dataclass

from app.core.cli.startapp.fields import snake

NAME = re.compile(r"[a-z][a-z0-9_]*")
MODEL = re.compile(r"[A-Z][A-Za-z0-9]*")
MAX_LENGTH = 24  # far below the limits of PostgreSQL (63) and of Alembic's table (32, with a number)


@dataclass(frozen=True)
class Names:
    name: str
    model: str
    items: str
    """The plural, as in the names of functions: `BlogPost` gives `blog_posts`."""

    @property
    def item(self) -> str:
        """As in the names of functions: `BlogPost` gives `blog_post`."""
        return snake(self.model)

    @property
    def noun(self) -> str:
        """As in permissions: `BlogPost` gives `blogpost`."""
        return self.model.lower()

    @property
    def text(self) -> str:
        """As in a sentence: `BlogPost` gives `blog post`."""
        return self.item.replace("_", " ")

    @property
    def texts(self) -> str:
        return self.items.replace("_", " ")

    @property
    def table(self) -> str:
        return f"{self.name}_{self.noun}"

    @property
    def path(self) -> str:
        return "/" + self.name.replace("_", "-")

    @property
    def functions(self) -> set[str]:
        return {f"list_{self.items}", *(f"{verb}_{self.item}" for verb in ("create", "read", "update", "delete"))}

    def faults(self) -> Iterator[str]:
        """Yield what is wrong. Callers must stop at the first: later checks rely on earlier ones."""
        for word, pattern, example in (
            (self.name, NAME, "`notes`"),
            (self.model, MODEL, "`--model Note`"),
            (self.items, NAME, "`--plural notes`"),
        ):
            if not pattern.fullmatch(word):
                yield f"{word!r} does not match {pattern.pattern}. An example is {example}."
        for word in (self.name, self.model, self.item):
            if len(word) > MAX_LENGTH:
                yield f"{word!r} is longer than {MAX_LENGTH} characters."
            if keyword.iskeyword(word):
                yield f"{word!r} is a keyword of Python."


def model_of(name: str) -> str:
    """Return the model for the name of an app: `categories` gives `Category`. Only regular plurals are known."""
    for pattern, ending in ((r"([^aeiou])ies$", r"\1y"), (r"(ss|sh|ch|x)es$", r"\1"), (r"([^su])s$", r"\1")):
        if re.search(pattern, name):
            name = re.sub(pattern, ending, name)
            break
    return name.title().replace("_", "")


def plural_of(item: str) -> str:
    """Return the regular plural: `category` gives `categories`."""
    if re.search(r"[^aeiou]y$", item):
        return f"{item[:-1]}ies"
    return f"{item}es" if re.search(r"(s|sh|ch|x)$", item) else f"{item}s"
