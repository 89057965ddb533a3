"""Your own columns of `User`: add them to `UserFields`, and make a migration. docs/accounts.md explains it."""

from inspect import get_annotations
from typing import Any, Literal

Place = Literal["api", "registration", "profile", "admin"]


def shown(*places: Place, schema: Any = None, example: Any = None, description: str | None = None) -> dict[str, Any]:
    """Return the `info` of a column that shows in these places:

    api            answers of `/users/me`, and of `/users` for staff
    registration   `POST /users` takes it
    profile        `PATCH /users/me` takes it
    admin          `PATCH /users/{id}` takes it, and the admin site has it in its pages and forms

    Schemas take its type and its length. `schema` is another Pydantic type, for example `WebAddress` of `app.core.web`.
    The example and the description are for the OpenAPI document.
    """
    examples = None if example is None else [example]
    return {"shown": places, "schema": schema, "examples": examples, "description": description}


class UserFields:
    """Each column needs a default, or may be null. `CurrentUser` has them all, from the same query.

    bio: Mapped[str] = mapped_column(String(500), default="", info=shown("api", "profile", "admin"))
    """


OWN_FIELDS = tuple(get_annotations(UserFields))
