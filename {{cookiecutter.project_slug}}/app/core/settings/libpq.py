"""Parameters of libpq, PostgreSQL's client, from an address."""

from typing import Any

from sqlalchemy import URL

LibpqParameters = dict[str, Any]

# With these a connection ends about a minute after its route was lost, even if no statement has a deadline.
KEEPALIVES: LibpqParameters = {"keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3}


def libpq_parameters(url: URL) -> LibpqParameters:
    return {**url.query, **url.translate_connect_args(username="user", database="dbname")}
