"""Programs can use the OpenAPI document: generated clients in Python and TypeScript log in and call routes.

`test_how_to.py` follows the page about clients, too: there a reader makes the one in TypeScript.
"""

import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from tests.conftest import ROOT
from tests.kit.markdown import parsed
from tests.kit.servers import Server, clean_environment, node_or_skip
from tests.kit.services import EMAIL, PASSWORD, USERNAME, Service
from tests.kit.walking import steps

PAGE = ROOT / "docs" / "how-to" / "clients.md"
PYTHON, NODE = "client_example.py", "frontend/"

Generated = Callable[[str], Any]

# Two requests have an access token that has expired. Then the client gets a new one, once, and sends both again.
RETRIES = """
import { createApi } from "./dist/api.js";

const [address, username, password] = process.argv.slice(2);
const real = globalThis.fetch;
let sent = [], expired = 0;
globalThis.fetch = (request) => {
  sent.push(new URL(request.url).pathname);
  if (expired-- > 0) request.headers.set("Authorization", "Bearer expired");
  return real(request);
};
const api = createApi(address);
await api.logIn(username, password);

sent = [];
expired = 2;
const [changed, me] = await Promise.all([
  api.PATCH("/users/me", { body: { full_name: "Ada" } }),
  api.GET("/users/me"),
]);
console.log(changed.response.status, changed.data.full_name, me.data.username, sent.sort().join(" "));
"""


def files_of_the_page(folder: Path, prefix: str) -> None:
    for step in steps(parsed(PAGE)):
        if step.path.startswith(prefix):
            (folder / step.path).parent.mkdir(parents=True, exist_ok=True)
            (folder / step.path).write_text(step.text, encoding="utf-8")


def generate(plain: Service, folder: Path, name: str) -> None:
    plain.manage("openapi", "--output", str(folder / "openapi.json"))
    (folder / "config.yaml").write_text("post_hooks: []", encoding="utf-8")
    options = ("--path", "openapi.json", "--config", "config.yaml", "--meta", "none", "--output-path", name)
    run(folder, sys.executable, "-m", "openapi_python_client", "generate", *options, "--fail-on-warning")


def run(folder: Path, *command: str | Path, **variables: str) -> str:
    env = clean_environment(**variables)
    done = subprocess.run(command, check=False, cwd=folder, env=env, capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def generated(plain: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generated:
    """`generated("api.me.read_me")` returns this module of the client."""
    generate(plain, tmp_path, "generated")
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


def test_the_python_client_of_the_page_has_right_types_and_works(plain: Service, site: Server, tmp_path: Path) -> None:
    files_of_the_page(tmp_path, PYTHON)
    generate(plain, tmp_path, "client")

    assert "Success" in run(tmp_path, sys.executable, "-m", "mypy", "--strict", PYTHON, "client")
    assert run(tmp_path, sys.executable, PYTHON, site.url, USERNAME, PASSWORD).splitlines() == [
        "refreshed: True",
        f"me: {USERNAME} True",
        f"user: {USERNAME} {EMAIL}",
        "missing: This user does not exist",
    ]


def test_the_typescript_client_of_the_page_gets_one_new_token_for_all_and_fits_only_its_document(
    plain: Service, site: Server, tmp_path: Path
) -> None:
    document, frontend, node = tmp_path / "openapi.json", tmp_path / "frontend", node_or_skip()

    def npm(*command: str) -> str:
        return run(frontend, node / "npm", *command, PATH=f"{node}:/usr/bin:/bin")

    files_of_the_page(tmp_path, NODE)
    (frontend / "retries.js").write_text(RETRIES, encoding="utf-8")
    plain.manage("openapi", "--output", str(document))
    npm("install")
    npm("run", "generate")
    npm("run", "build")
    said = run(frontend, node / "node", "retries.js", site.url, USERNAME, PASSWORD)
    assert said == f"200 Ada {USERNAME} /token /users/me /users/me /users/me /users/me\n"

    text = document.read_text(encoding="utf-8")
    document.write_text(text.replace('"is_superuser"', '"is_root"'), encoding="utf-8")
    npm("run", "generate")
    with pytest.raises(AssertionError, match=r"Property 'is_superuser' does not exist"):
        npm("run", "build")
