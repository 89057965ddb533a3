"""What `/docs` says of accounts before it lists their routes."""

from fastapi import FastAPI

from app.settings import Settings

LOGGING_IN = """
### Logging in

Here: press **Authorize**, and give your username (or e-mail address) and your password.

A program posts the same as a form to `/token`, and sends the `access_token` of the answer along with its requests:

    curl $URL/token -d username=NAME -d password=PASSWORD
    curl $URL/users/me -H "Authorization: Bearer ACCESS_TOKEN"

It is good for {minutes} minutes. Then the `refresh_token` of the same answer is exchanged for the next two, once:

    curl $URL/token -d grant_type=refresh_token -d refresh_token=REFRESH_TOKEN
"""

TAGS = {
    "token": "Log in, go on, log out.",
    "me": "What users do with their own account.",
    "e-mail and password": "What works by a link in a mail.",
    "users": "What administrators do with the accounts of others.",
    "groups": "Permissions are given to groups, and users get them by being in one.",
}


def describe(app: FastAPI) -> None:
    settings: Settings = app.state.settings
    app.description += "\n" + LOGGING_IN.format(minutes=settings.access_token_expire_minutes)
    app.openapi_tags = [
        *(app.openapi_tags or []),
        *({"name": name, "description": text} for name, text in TAGS.items()),
    ]
