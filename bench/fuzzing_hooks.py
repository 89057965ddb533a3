"""Hooks of `bench.fuzzing` for schemathesis, which make it call the routes as a superuser.

Some of its requests end its session, delete or disable its user, or take away rights. Then it gets a new one.
"""

import json
import os
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import schemathesis

from tests.kit.services import Service, bearer, create_superuser, log_in


@schemathesis.auth(refresh_interval=None)
class Superuser:
    def __init__(self) -> None:
        url, project, python, env = json.loads(os.environ["SERVED"])
        self.service = Service(Path(project), Path(python), env)
        self.client = httpx.Client(base_url=url, trust_env=False, timeout=60)
        self.become_another()

    def get(self, _case: Any, _context: Any) -> str:
        if not self.may_do_everything():
            self.log_in()
        if not self.may_do_everything():
            self.become_another()
        return self.token

    def set(self, case: schemathesis.Case[Any], token: str, _context: Any) -> None:
        case.headers.update(bearer(token))

    def may_do_everything(self) -> bool:
        me = self.client.get("/users/me", headers=bearer(self.token))
        return me.is_success and bool(me.json()["is_superuser"])

    def become_another(self) -> None:
        self.username = f"fuzz-{uuid4().hex}"
        create_superuser(self.service, self.username)
        self.log_in()

    def log_in(self) -> None:
        self.token = str(log_in(self.client, self.username).json().get("access_token"))
