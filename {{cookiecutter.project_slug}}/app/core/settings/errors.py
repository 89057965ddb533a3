"""How wrong settings are told."""

from typing import Self

from pydantic import ValidationError


class SettingsError(Exception):
    """Says in one line per setting what is missing or wrong, and never what a setting holds."""

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
    return " `python manage.py initenv` writes a .env with a good one where there is no .env yet."
