"""Runs a rendered project: installs its requirements, migrates, serves, and logs in over HTTP."""

import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.kit.servers import LOOPBACK, RUNSERVER, UVICORN, PostgreSQL, Server, server, terminate
from tests.kit.services import EMAIL, PASSWORD, USERNAME, Service, accepted, bearer, connect, log_in, prepare

MIB = 2**20

SECURITY_HEADERS = {"x-content-type-options", "x-frame-options", "referrer-policy", "content-security-policy"}


# The project's own tools.


@pytest.mark.fast
@pytest.mark.parametrize(
    "command",
    [["ruff", "check", "."], ["ruff", "format", "--check", "."], ["mypy"]],
    ids=lambda command: " ".join(command[:2]),
)
def test_a_fresh_project_is_clean_to(plain: Service, command: list[str]) -> None:
    done = plain.run("-m", *command)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.fast
def test_imports_of_a_fresh_project_run_one_way(plain: Service) -> None:
    done = plain.run("-c", "from importlinter.cli import lint_imports_command; lint_imports_command()")
    assert done.returncode == 0, done.stdout + done.stderr


ASKED_WITH_AN_EXTRA = """
from importlib.metadata import distributions
from packaging.requirements import Requirement

for requirement in (Requirement(text) for one in distributions() for text in one.requires or ()):
    if not (requirement.marker and "extra" in str(requirement.marker)):
        for extra in requirement.extras:
            print(f"{requirement.name}[{extra}]")
"""


@pytest.mark.fast
def test_extras_are_pinned_too(plain: Service) -> None:
    """Without pins, the pip of Python 3.11 would look for their newest version and refuse it."""
    asked = set(plain.run("-c", ASKED_WITH_AN_EXTRA).stdout.lower().split())
    pins = (plain.project / "requirements-dev.txt").read_text(encoding="utf-8")
    assert "coverage[toml]" in asked
    assert asked <= set(re.findall(r"^(.+)==", pins, re.MULTILINE))


CONFLICT = "<<<<<<< HEAD\nfastapi==0.1 \\\n=======\nfastapi==0.2\n>>>>>>> other\n"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no make")
@pytest.mark.weekly
def test_pins_are_made_anew_whatever_state_they_are_in(copy: Service) -> None:
    """In the middle of a merge, missing, and empty."""
    runtime, development = copy.project / "requirements.txt", copy.project / "requirements-dev.txt"
    development.write_text(CONFLICT + development.read_text(encoding="utf-8"), encoding="utf-8")
    runtime.unlink()
    lock(copy.project)
    before = runtime.read_text(encoding="utf-8"), development.read_text(encoding="utf-8")
    assert "fastapi" in pins(runtime)
    assert "pytest" not in pins(runtime)
    assert pins(runtime).items() <= pins(development).items()
    assert "pytest" in pins(development)
    assert "<<<" not in before[1]

    runtime.write_text(CONFLICT, encoding="utf-8")
    development.write_text("", encoding="utf-8")
    lock(copy.project)
    assert (runtime.read_text(encoding="utf-8"), development.read_text(encoding="utf-8")) == before

    (copy.project / "pyproject.toml").write_text("[project\n", encoding="utf-8")
    with pytest.raises(AssertionError, match="TOML parse error"):
        lock(copy.project)
    assert runtime.read_text(encoding="utf-8") == before[0]


def lock(project: Path) -> None:
    done = subprocess.run(["make", "lock"], check=False, cwd=project, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def pins(file: Path) -> dict[str, str]:
    return dict(re.findall(r"^([\w.-]+)(?:\[.+\])?==(\S+)", file.read_text(encoding="utf-8"), re.MULTILINE))


# The command line.


def test_migrate_goes_forward_and_back(empty: Service) -> None:
    assert "Applied accounts_0001_initial" in empty.manage("migrate")
    assert "Unapplied accounts_0001_initial" in empty.manage("migrate", "zero")
    assert "[X]" not in empty.manage("showmigrations")
    assert "Applied accounts_0001_initial" in empty.manage("migrate")


def test_the_migrations_are_in_step_with_the_models(service: Service) -> None:
    assert service.manage("migrate") == "Nothing to migrate.\n"
    assert "[ ]" not in service.manage("showmigrations")
    assert service.manage("makemigrations", "--check") == "No changes detected.\n"


def test_check_finds_nothing_in_a_fresh_project(plain: Service) -> None:
    assert plain.manage("check") == "No problems found.\n"


def test_check_deploy_names_what_is_unfit_for_production(service: Service) -> None:
    lines = service.problem("check", "--deploy").splitlines()
    ids = {line.partition(":")[0] for line in lines}
    assert {"core.W001", "core.W004", "core.W006"} <= ids
    assert ("core.W002" in ids) == (not service.env)  # that the database is a file
    assert all(re.fullmatch(r"[a-z]+\.[EW]\d{3}: .+", line) for line in lines)


def test_check_deploy_is_content_with_the_production_settings_of_the_docs(plain: Service, cluster: PostgreSQL) -> None:
    page = (plain.project / "docs" / "deployment.md").read_text(encoding="utf-8")
    settings = dict(re.findall(r"^([A-Z_]+)=(.+)$", page.partition("## Settings")[2].partition("## ")[0], re.MULTILINE))
    assert settings["ENVIRONMENT"] == "production"
    production = Service(
        plain.project,
        plain.python,
        {**settings, "DATABASE_URL": cluster.create_database("production")},
    )
    assert "core.E003" in production.problem("check", "--deploy")
    production.manage("migrate")
    assert production.manage("check", "--deploy") == "No problems found.\n"


def test_check_finds_what_would_stop_the_server(plain: Service) -> None:
    fault = plain.problem("check", JWT_ALGORITHM="EdDSA")
    assert fault.startswith("accounts.E001: JWT_PRIVATE_KEY: is missing")
    assert "JWT_PRIVATE_KEY: is missing" in plain.problem("runserver", JWT_ALGORITHM="EdDSA")


def test_diffsettings_tells_no_secret(plain: Service) -> None:
    secret = re.findall(r"^SECRET_KEY=(.+)$", (plain.project / ".env").read_text(encoding="utf-8"), re.MULTILINE)[0]
    text = plain.manage("diffsettings", DATABASE_URL=AWAY, REDIS_URL=f"redis://:tr0ub4dor@{LOOPBACK}:1/0")
    assert secret not in text
    assert "tr0ub4dor" not in text
    rows = {line.split()[0]: line.split()[1:] for line in text.splitlines()}
    assert rows["ENVIRONMENT"] == ["local", ".env"]
    assert rows["DATABASE_URL"] == [f"postgresql+psycopg://***@{LOOPBACK}:1/x", "environment"]
    assert rows["REDIS_URL"] == [f"redis://***@{LOOPBACK}:1/0", "environment"]
    assert rows["BCRYPT_ROUNDS"] == ["12", "default"]


def test_the_shell_has_the_models_and_a_session(service: Service) -> None:
    query = "print(await db.scalar(select(User.email).where(User.username == 'ada')))"
    assert service.manage("shell", "--command", query) == f"{EMAIL}\n"
    assert service.manage("shell", keyboard=query) == f"{EMAIL}\n"


def test_dbshell_opens_the_database_that_is_set(service: Service) -> None:
    client, options = ("psql", ["--tuples-only", "--command"]) if service.env else ("sqlite3", [])
    if shutil.which(client) is None:
        pytest.skip(f"{client} is not installed")
    query = "SELECT email FROM accounts_user WHERE username = 'ada'"
    assert service.manage("dbshell", "--", *options, query).strip() == EMAIL


def test_changepassword_reads_standard_input(service: Service, client: httpx.Client) -> None:
    new = PASSWORD + " and more"
    quiet = {"EMAIL_URL": "memory:"}  # it would print the mail about the change
    said = service.manage("changepassword", USERNAME, keyboard=f"{new}\n", **quiet)
    assert said == f"Password of {USERNAME} changed.\n"
    assert log_in(client, password=new).status_code == 200
    assert log_in(client, password=PASSWORD).status_code == 401
    service.manage("changepassword", EMAIL.upper(), keyboard=PASSWORD, **quiet)
    assert log_in(client, password=PASSWORD).status_code == 200


def test_names_are_taken_regardless_of_case(service: Service) -> None:
    options = ("--no-input", "--username", USERNAME.upper(), "--email", "other@example.com")
    fault = service.problem("createsuperuser", *options, SUPERUSER_PASSWORD=PASSWORD)
    assert fault == "Another user has this username."


def test_routes_lists_what_is_served(plain: Service) -> None:
    listed = {tuple(line.split()[:2]) for line in plain.manage("routes").splitlines()}
    assert {("POST", "/token"), ("GET", "/users/me"), ("GET", "/protected"), ("GET", "/health/live")} <= listed


def test_openapi_prints_the_document_that_is_served(plain: Service, served: Server) -> None:
    with connect(served) as client:
        assert json.loads(plain.manage("openapi")) == client.get("/openapi.json").json()


def test_help_lists_every_command(plain: Service) -> None:
    text = plain.manage("--help")
    commands = "runserver migrate makemigrations showmigrations createsuperuser changepassword check initenv routes"
    commands += " openapi diffsettings shell dbshell completion sendtestemail worker grant revoke"
    for command in commands.split():
        assert re.search(rf"^ +{command} +\w", text, re.MULTILINE), command


def test_initenv_never_replaces_a_secret(plain: Service) -> None:
    before = (plain.project / ".env").read_bytes()
    assert "stays as it is" in plain.manage("initenv")
    assert (plain.project / ".env").read_bytes() == before


NEW = ("createsuperuser", "--no-input", "--username", "new", "--email", "new@example.com")
AWAY = f"postgresql://ada:tr0ub4dor@{LOOPBACK}:1/x"


@pytest.mark.parametrize(
    ("command", "variables", "expected"),
    [
        (["changepassword", "nobody"], {}, "There is no user 'nobody'."),
        (list(NEW), {}, "SUPERUSER_PASSWORD"),
        (list(NEW), {"SUPERUSER_PASSWORD": "90817263544"}, "entirely numeric"),
        ([*NEW[:5], "nowhere"], {"SUPERUSER_PASSWORD": PASSWORD}, "email: "),
        (["migrate", "9999_missing"], {}, "9999_missing"),
        (["makemigrations", "--name", "Add Bio!"], {}, "'Add Bio!'"),
        (["runserver", "8000x"], {}, "'8000x' is not [HOST:]PORT"),
        (["worker"], {}, "a worker needs TASK_QUEUE=database"),
        (["worker"], {"TASK_QUEUE": "database"}, "TASK_QUEUE: is database, which needs DATABASE_URL"),
        (["showmigrations"], {"DATABASE_URL": "sqlite:////nowhere/at/all"}, "cannot be reached"),
        (["migrate"], {"DATABASE_URL": "sqlite:///pyproject.toml"}, "file is not a database"),
        (["changepassword", USERNAME], {"DATABASE_URL": AWAY}, "cannot be reached"),
        (["routes"], {"DATABASE_URL": "mysql://ada:tr0ub4dor@db/x"}, "DATABASE_URL: "),
    ],
)
def test_a_problem_is_one_line(migrated: Service, command: list[str], variables: dict[str, str], expected: str) -> None:
    line = migrated.problem(*command, **variables)
    assert expected in line
    assert "\n" not in line
    assert not line.endswith("..")
    assert "tr0ub4dor" not in line


def test_a_database_without_tables_is_one_line(empty: Service) -> None:
    assert "python manage.py migrate" in empty.problem("changepassword", USERNAME)
    assert empty.manage("makemigrations", "--check") == "No changes detected.\n"


# Wrong settings.

WRONG = {
    "SECRET_KEY": "tr0ub4dor",
    "ENVIRONMENT": "prod-tr0ub4dor",
    "DATABASE_URL": "mysql://ada:tr0ub4dor@db/x",
    "ACCESS_TOKEN_EXPIRE_MINUTES": "tr0ub4dor",
    "BCRYPT_ROUNDS": "3",
    "PASSWORD_MIN_LENGTH": "1",
    "DOCS_ENABLED": "tr0ub4dor",
}


@pytest.mark.parametrize(
    "command",
    [
        ["manage.py", "migrate"],
        ["manage.py", "runserver"],
        ["manage.py", "runserver", "--workers", "2"],
        ["manage.py", "worker"],
        ["-m", "uvicorn", "app.main:app"],
    ],
    ids=" ".join,
)
def test_wrong_settings_stop_the_start_with_a_line_each(plain: Service, command: list[str]) -> None:
    done = plain.run(*command, **WRONG)
    assert done.returncode == 1
    assert sorted(line.partition(":")[0] for line in done.stderr.splitlines()) == sorted(WRONG)
    assert "tr0ub4dor" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("key", "fault"),
    [
        ("made-by-initenv", "placeholder"),
        ("deff1952d59f883ece260e8683fed21ab0ad9a53323eca4f", "sample key"),
    ],
)
def test_keys_that_others_know_are_refused(plain: Service, key: str, fault: str) -> None:
    line = plain.problem("check", SECRET_KEY=key)
    assert line.startswith("SECRET_KEY: ")
    assert fault in line
    assert "\n" not in line
    assert key not in line


def test_a_fresh_clone_says_what_makes_its_env(plain: Service, tmp_path: Path) -> None:
    clone = shutil.copytree(plain.project, tmp_path / "clone", ignore=shutil.ignore_patterns(".env", ".*_cache"))
    fresh = Service(clone, plain.python)
    line = fresh.problem("migrate")
    assert line.startswith("SECRET_KEY: is missing.")
    assert "python manage.py initenv" in line
    fresh.manage("initenv")
    assert (clone / ".env").stat().st_mode & 0o777 == 0o600
    assert (clone / ".env").read_bytes() != (plain.project / ".env").read_bytes()


# Over HTTP.


def test_a_login_gives_a_token_that_opens_the_rest(client: httpx.Client) -> None:
    answer = log_in(client)
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    token = answer.json()
    assert (token["token_type"], token["expires_in"]) == ("bearer", 30 * 60)

    me = client.get("/users/me", headers=bearer(token["access_token"])).raise_for_status().json()
    assert (me["username"], me["email"], me["is_superuser"], me["disabled"]) == (USERNAME, EMAIL, True, False)
    assert not [name for name in me if "password" in name]
    assert "bcrypt" not in str(me)
    hello = client.get("/protected", headers=bearer(token["access_token"]))
    assert (hello.status_code, hello.json()) == (200, {"message": "Hello, authenticated user!"})


@pytest.mark.parametrize("name", [EMAIL, EMAIL.upper(), USERNAME.upper()])
def test_one_logs_in_by_name_or_address_in_any_case(client: httpx.Client, name: str) -> None:
    assert log_in(client, name).status_code == 200


@pytest.mark.parametrize(
    ("username", "password"),
    [(USERNAME, "wrong"), (USERNAME, PASSWORD + "x"), ("nobody", PASSWORD), ("nobody@example.com", PASSWORD)],
)
def test_a_failed_login_tells_nothing(client: httpx.Client, username: str, password: str) -> None:
    answer = log_in(client, username, password)
    assert answer.status_code == 401
    assert answer.json() == {"detail": "Incorrect username or password", "error": "invalid_grant"}
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({}, "invalid_request"),
        ({"username": USERNAME}, "invalid_request"),
        ({"username": f"{USERNAME}\0", "password": PASSWORD}, "invalid_request"),
        ({"username": [USERNAME, USERNAME], "password": PASSWORD}, "invalid_request"),
        ({"username": USERNAME, "password": PASSWORD, "scope": "admin"}, "invalid_scope"),
        ({"grant_type": "telepathy"}, "unsupported_grant_type"),
    ],
)
def test_other_faults_at_the_token_route_are_those_of_rfc_6749(
    client: httpx.Client, form: dict[str, str | list[str]], error: str
) -> None:
    answer = client.post("/token", data=form)
    assert (answer.status_code, answer.json()["error"]) == (400, error)
    assert answer.json()["detail"]


@pytest.mark.parametrize("path", ["/protected", "/users/me"])
def test_who_sends_no_token_is_asked_for_one(client: httpx.Client, path: str) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.json()) == (401, {"detail": "Not authenticated"})
    assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("path", ["/protected", "/users/me"])
def test_a_forged_token_opens_nothing(client: httpx.Client, token: str, path: str) -> None:
    head, claims, signature = token.split(".")
    unsigned = "eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0"  # {"alg":"none","typ":"at+jwt"}
    for forged in (f"{head}.{claims}.{signature[::-1]}", f"{unsigned}.{claims}.", "garbage", "é"):
        answer = client.get(path, headers={b"Authorization": f"Bearer {forged}".encode()})
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'
        assert answer.json()["detail"]


@pytest.mark.parametrize(
    ("method", "path", "headers", "body", "status"),
    [
        ("GET", "/health/live", {}, b"", 200),
        ("GET", "/docs", {}, b"", 200),
        ("GET", "/docs/assets/swagger-ui.css", {}, b"", 200),
        ("POST", "/token", {}, b"", 400),
        ("GET", "/protected", {"Host": "evil.example"}, b"", 400),
        ("GET", "/protected", {"Host": ""}, b"", 400),
        ("GET", "/protected", {}, b"", 401),
        ("GET", "/nothing", {}, b"", 404),
        ("GET", "/docs/assets/nothing", {}, b"", 404),
        ("DELETE", "/token", {}, b"", 405),
        ("POST", "/docs/assets/swagger-ui.css", {}, b"", 405),
        ("POST", "/token", {"Content-Type": "application/x-www-form-urlencoded"}, b"x" * 2 * MIB, 413),
    ],
)
def test_every_answer_has_security_headers_and_every_error_a_detail(
    client: httpx.Client, method: str, path: str, headers: dict[str, str], body: bytes, status: int
) -> None:
    answer = client.request(method, path, headers=headers, content=body)
    assert answer.status_code == status
    assert set(answer.headers) >= SECURITY_HEADERS
    assert "unsafe-inline" not in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Request-ID"]
    assert status < 400 or answer.json()["detail"]


def test_a_body_is_limited_also_where_its_length_is_not_told(client: httpx.Client) -> None:
    chunks = (b"x" * 2**16 for _ in range(32))
    answer = client.post("/token", content=chunks, headers={"Content-Type": "application/x-www-form-urlencoded"})
    assert answer.status_code == 413
    assert answer.json()["detail"]


def test_probes_may_use_any_host(client: httpx.Client) -> None:
    assert client.get("/health/live", headers={"Host": "10.1.2.3:8000"}).status_code == 200


def test_the_documentation_needs_no_other_host(client: httpx.Client) -> None:
    page = client.get("/docs").raise_for_status().text
    assert "//" not in page
    assets = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert len(assets) == 5
    for asset in assets:
        assert client.get(f"/{asset}").raise_for_status().content
    styles = client.get("/docs/assets/swagger-ui.css").text
    assert "@import" not in styles
    assert not [url for url in re.findall(r"url\(([^)]*)\)", styles) if not url.strip("\"' ").startswith("data:")]


def test_the_log_holds_no_password_and_no_token(served: Server, client: httpx.Client, token: str) -> None:
    client.get("/protected", params={"token": token}, headers=bearer(token))
    log = served.log_until("GET /protected 200")
    assert token not in log
    assert PASSWORD not in log


def test_production_is_strict(plain: Service, tmp_path: Path) -> None:
    env = {"ENVIRONMENT": "production", "DATABASE_URL": f"sqlite:///{tmp_path}/db", "ALLOWED_HOSTS": "*.example.com"}
    host = {"Host": "api.example.com"}
    with server(plain.project, plain.python, env) as served, connect(served) as client:
        assert "Strict-Transport-Security" in client.get("/health/live").headers
        assert client.get("/docs", headers=host).status_code == 404
        assert client.get("/openapi.json", headers=host).status_code == 404
        assert client.get("/protected", headers=host).status_code == 401
        assert client.get("/protected").status_code == 400  # localhost is not one of its names
        lines = [json.loads(line) for line in served.log().splitlines() if not line.startswith("INFO")]
    assert {"time", "level", "logger", "message", "request_id"} <= set(lines[-1])


# When services go away.


@pytest.fixture(scope="module")
def shaken(plain: Service, cluster: PostgreSQL) -> Service:
    """Use a separate database, so that stopping the cluster does not disturb servers of other tests."""
    return prepare(Service(plain.project, plain.python, {"DATABASE_URL": cluster.create_database("away")}))


@contextmanager
def stopped(cluster: PostgreSQL) -> Iterator[None]:
    cluster.stop()
    try:
        yield
    finally:
        cluster.start()


def test_a_database_that_goes_away_is_503_and_heals(shaken: Service, cluster: PostgreSQL) -> None:
    with server(shaken.project, shaken.python, shaken.env) as served, connect(served) as client:
        headers = bearer(log_in(client).raise_for_status().json()["access_token"])
        with stopped(cluster):
            for _ in range(3):
                assert_unavailable(client.get("/users/me", headers=headers))
                assert_unavailable(log_in(client))
            assert client.get("/protected", headers=headers).status_code == 200
        assert client.get("/users/me", headers=headers).status_code == 200
        assert log_in(client).status_code == 200
        assert "Traceback" not in served.log()


def assert_unavailable(answer: httpx.Response) -> None:
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert answer.json()["detail"]
    assert set(answer.headers) >= SECURITY_HEADERS


def test_a_database_that_was_away_unnoticed_costs_one_answer_at_most(shaken: Service, cluster: PostgreSQL) -> None:
    """The server's connections are dead then. The first query must notice it for all of them."""
    with server(shaken.project, shaken.python, shaken.env) as served, connect(served) as client:
        headers = bearer(log_in(client).raise_for_status().json()["access_token"])
        with ThreadPoolExecutor(4) as threads:  # four at once: so the pool holds several connections
            list(threads.map(lambda _: client.get("/users/me", headers=headers).raise_for_status(), range(8)))
        with stopped(cluster):
            pass
        answers = [client.get("/users/me", headers=headers) for _ in range(6)]
        assert [answer.status_code for answer in answers[1:]] == [200] * 5
        if answers[0].status_code != 200:
            assert_unavailable(answers[0])


@pytest.mark.parametrize("command", [UVICORN, RUNSERVER], ids=["uvicorn", "runserver"])
def test_sigterm_lets_an_accepted_request_end(migrated: Service, command: tuple[str, ...]) -> None:
    body = b"username=nobody&password=wrong"
    with (
        server(migrated.project, migrated.python, migrated.env, command) as served,
        accepted(served, body) as connection,
    ):
        served.process.terminate()
        while served.accepts():
            time.sleep(0.01)
        connection.send(body)
        assert connection.getresponse().status == 401


def test_a_stalled_client_does_not_keep_the_server_from_ending(migrated: Service) -> None:
    with (
        server(migrated.project, migrated.python, migrated.env, RUNSERVER) as served,
        accepted(served, b"never sent"),
    ):
        terminate(served)


def test_a_port_in_use_is_said(plain: Service, served: Server) -> None:
    line = plain.problem("runserver", str(served.port), "--no-reload")
    assert "address already in use" in line
    assert "\n" not in line


def test_runserver_says_once_where_to_begin_and_reloads(copy: Service) -> None:
    with server(copy.project, copy.python, copy.env, ("manage.py", "runserver", "{port}")) as served:
        (copy.project / "app" / "hello" / "routes.py").write_text("raise RuntimeError('reloaded')", encoding="utf-8")
        log = served.log_until("RuntimeError: reloaded")
    (line,) = [line for line in log.splitlines() if line.startswith("Starting My Service at ")]
    assert {f"{served.url}/docs", f"{served.url}/admin"} <= set(line.removesuffix(". Ctrl-C ends it.").split())
    assert log.count("core.E003: Not applied: accounts_0001_initial") == 1


def test_links_lead_to_where_runserver_serves(migrated: Service) -> None:
    new = {"username": "linus", "email": "linus@example.com", "password": PASSWORD}
    with server(migrated.project, migrated.python, migrated.env, RUNSERVER) as served:
        with connect(served) as client:
            client.post("/users", json=new).raise_for_status()
        log = served.log_until(f"{served.url}/account/verify-email?token=")
    assert "WARNING" not in log


def test_runserver_answers_to_the_address_that_it_serves(migrated: Service) -> None:
    command = ("manage.py", "runserver", "0.0.0.0:{port}", "--no-reload")
    with server(migrated.project, migrated.python, migrated.env, command) as served, connect(served) as client:
        (line,) = [line for line in served.log().splitlines() if line.startswith("Starting ")]
        announced = line.removesuffix(". Ctrl-C ends it.").split()[-1]
        if announced.endswith("/admin"):
            pytest.skip("this machine is in no network")
        assert client.get("/nowhere", headers={"Host": announced.removeprefix("http://")}).status_code == 404
        assert client.get("/nowhere", headers={"Host": "192.0.2.9"}).status_code == 400
        served.log_until("Refused a request for '192.0.2.9': ALLOWED_HOSTS does not have it.")


def test_the_suite_leaves_the_configured_database_alone(copy: Service, tmp_path: Path) -> None:
    """Also if the environment names the database: tests drop tables."""
    configured = tmp_path / "precious.sqlite3"
    service = copy.with_env(DATABASE_URL=f"sqlite:///{configured}")
    service.manage("migrate")
    before = configured.read_bytes()
    done = service.run("-m", "pytest", "-q", "--no-cov", "tests/hello", "tests/accounts/users/test_me.py")
    assert done.returncode == 0, done.stdout
    assert configured.read_bytes() == before
    same = {"DATABASE_URL": "postgresql://h/precious", "TEST_DATABASE_URL": "postgresql://h/precious"}
    refused = service.run("-m", "pytest", "-q", "--no-cov", "tests/hello", **same)
    assert refused.returncode != 0
    assert "tests must not touch it" in refused.stdout + refused.stderr


def test_the_server_logs_no_query_of_a_websocket(migrated: Service) -> None:
    handshake = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    key = {"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}
    with server(migrated.project, migrated.python, migrated.env, UVICORN) as served, connect(served) as client:
        assert client.get("/live?token=hush", headers=handshake | key).status_code == 403
        assert "hush" not in served.log_until('"WebSocket /live" 403')


@pytest.mark.parametrize(("command", "status"), [(RUNSERVER, 429), (UVICORN, 401)], ids=["runserver", "uvicorn"])
def test_only_uvicorn_lets_a_proxy_on_this_machine_say_where_a_request_comes_from(
    migrated: Service, command: tuple[str, ...], status: int
) -> None:
    with server(migrated.project, migrated.python, migrated.env, command) as served, connect(served) as client:
        for number in range(6):
            client.headers["X-Forwarded-For"] = f"198.51.100.{number}"
            answer = log_in(client, "stranger")
    assert answer.status_code == status


def test_monitors_may_ask_by_head(served: Server) -> None:
    with connect(served) as client:
        assert client.head("/health/live").status_code == 200


def test_runserver_says_who_is_missing(migrated: Service) -> None:
    with server(migrated.project, migrated.python, migrated.env, RUNSERVER) as served:
        assert "accounts.I001: There is no superuser yet. Run `make superuser`.\n" in served.log()


# A dropped folder is an app.

MODELS = """
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base


class Note(Base):
    __tablename__ = "notes_note"

    id: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str]
"""

ROUTES = """
from fastapi import APIRouter
from pydantic import BaseModel, SecretStr

from app.core.db import Db
from app.notes.models import Note

router = APIRouter()


class NoteCreate(BaseModel):
    text: str
    count: int


@router.post("/notes")
async def create(new: NoteCreate, db: Db) -> int:
    note = Note(text=new.text)
    db.add(note)
    await db.commit()
    return note.id


@router.get("/broken")
async def broken() -> None:
    raise RuntimeError("a bug")
"""


@pytest.fixture
def with_notes(copy: Service) -> Service:
    app = copy.project / "app" / "notes"
    app.mkdir()
    for name, text in {"__init__": "", "models": MODELS, "routes": ROUTES}.items():
        (app / f"{name}.py").write_text(text, encoding="utf-8")
    return copy


def test_a_dropped_folder_is_an_app(with_notes: Service) -> None:
    with_notes.manage("migrate")
    assert "makemigrations" in with_notes.problem("makemigrations", "--check")
    assert "0001_add_notes" in with_notes.manage("makemigrations", "--name", "add_notes")
    assert "Applied 0001_add_notes" in with_notes.manage("migrate")
    with server(with_notes.project, with_notes.python, with_notes.env) as served, connect(served) as client:
        assert client.post("/notes", json={"text": "hello", "count": 1}).json() == 1
        assert_faults_are_named(client)
        assert_bugs_are_not_told(client, served)


def assert_faults_are_named(client: httpx.Client) -> None:
    """But they do not repeat the input, which may be a password."""
    answer = client.post("/notes", json={"text": "hello", "count": "tr0ub4dor"})
    assert answer.status_code == 422
    assert set(answer.headers) >= SECURITY_HEADERS
    assert answer.json()["detail"][0]["loc"] == ["body", "count"]
    assert "tr0ub4dor" not in answer.text


def assert_bugs_are_not_told(client: httpx.Client, served: Server) -> None:
    """Details are only in the log."""
    answer = client.get("/broken")
    assert answer.status_code == 500
    assert set(answer.headers) >= SECURITY_HEADERS
    assert "a bug" not in answer.text
    assert answer.json()["detail"]
    served.log_until("RuntimeError: a bug")
