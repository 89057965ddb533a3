"""Programs can use the OpenAPI document: a generated client logs in and calls routes."""

import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from tests.servers import Server
from tests.services import PASSWORD, USERNAME, Service

Generated = Callable[[str], Any]


@pytest.fixture
def generated(plain: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generated:
    """`generated("api.me.read_me")` returns this module of the client."""
    (tmp_path / "openapi.json").write_text(plain.manage("openapi"), encoding="utf-8")
    (tmp_path / "config.yaml").write_text("post_hooks: []", encoding="utf-8")
    options = ("--path", "openapi.json", "--config", "config.yaml", "--meta", "none", "--output-path", "generated")
    command = [sys.executable, "-m", "openapi_python_client", "generate", *options, "--fail-on-warning"]
    done = subprocess.run(command, check=False, cwd=tmp_path, capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stdout + done.stderr
    monkeypatch.syspath_prepend(tmp_path)
    for name in [name for name in sys.modules if name.partition(".")[0] == "generated"]:
        monkeypatch.delitem(sys.modules, name)
    return lambda name: import_module(f"generated.{name}")


def test_a_generated_client_logs_in_calls_routes_and_gets_errors_as_values(generated: Generated, site: Server) -> None:
    models, direct = generated("models"), {"httpx_args": {"trust_env": False}}
    with generated("client").Client(site.url, **direct) as client:
        token = generated("api.token.token").sync(
            client=client, body=models.TokenForm(username=USERNAME, password=PASSWORD)
        )
        refused = generated("api.token.token").sync(client=client, body=models.TokenForm(grant_type="telepathy"))
    assert isinstance(token, models.Token)
    assert (type(refused), refused.error) == (models.OAuth2ErrorRead, "unsupported_grant_type")

    with generated("client").AuthenticatedClient(site.url, token.access_token, **direct) as client:
        me = generated("api.me.read_me").sync(client=client)
        missing = generated("api.users.read_user").sync(UUID(int=0), client=client)
        group = generated("api.groups.create_group").sync(client=client, body=models.GroupCreate("generated"))
        taken = generated("api.groups.create_group").sync(client=client, body=models.GroupCreate("generated"))
        invalid = generated("api.groups.create_group").sync(client=client, body=models.GroupCreate(""))
    assert (me.username, group.name) == (USERNAME, "generated")
    assert (missing.detail, taken.detail) == ("This user does not exist", "Another group has this name")
    assert invalid.detail[0].loc == ["body", "name"]

    with generated("client").AuthenticatedClient(site.url, "no token", **direct) as client:
        answer = generated("api.me.read_me").sync_detailed(client=client)
    assert (answer.status_code, type(answer.parsed)) == (401, models.ErrorRead)
