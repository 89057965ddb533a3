"""The error for wrong settings."""

from typing import Self

from pydantic import ValidationError


class SettingsError(Exception):
    """Says in one line per setting what is missing or wrong. It never shows a value."""

    @classmethod
    def of(cls, error: ValidationError) -> Self:
        return cls("\n".join(_lines(error)))


def _lines(error: ValidationError) -> list[str]:
    problems = [
        (str(detail["loc"][0]).upper(), detail)
        for detail in error.errors(include_url=False, include_context=False, include_input=False)
        if detail["type"] != "default_factory_not_called"  # follows from another setting's error
    ]
    return [f"{name}: {_reason(detail['type'], detail['msg'])}.{_hint(name)}" for name, detail in problems]


def _reason(kind: str, message: str) -> str:
    if kind == "missing":
        return "is missing"
    return message.removeprefix("Value error, ")


def _hint(name: str) -> str:
    if name != "SECRET_KEY":
        return ""
    return " If there is no .env yet, `python manage.py initenv` writes one with a good key."
