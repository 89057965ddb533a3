"""Parameters of libpq, PostgreSQL's client, from an address."""

from typing import Any

from sqlalchemy import URL

LibpqParameters = dict[str, Any]


def libpq_parameters(url: URL) -> LibpqParameters:
    return {**url.query, **url.translate_connect_args(username="user", database="dbname")}
