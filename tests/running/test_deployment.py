"""The files that bring a project into production: containers, plain servers, Kubernetes, dashboards.

No container engine and no cluster runs here. What they would run, runs here without them.
"""

import fnmatch
import json
import re
import shlex
import shutil
import subprocess
import sys
from base64 import b64decode
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.conftest import Render
from tests.kit.servers import LOOPBACK, clean_environment, server
from tests.kit.services import Service, connect, log_in, prepare

DATABASES = ("SQLite", "PostgreSQL")
TOOLS = Path(sys.executable).parent
PODS = ("Deployment", "Job")

# What the metrics of a project are called.
METRICS = {
    "http_requests_total": {"method", "route", "status"},
    "http_request_duration_seconds_bucket": {"method", "route", "le"},
    "logins_total": {"outcome"},
    "password_hashing_jobs": set(),
    "database_connections_in_use": set(),
    "tasks_total": {"task", "outcome"},
}

not_on_windows = pytest.mark.skipif(sys.platform == "win32", reason="these servers and tools are for Unix")


def check(*command: str | Path, cwd: Path | None = None, **variables: str) -> str:
    """Return the output of the program. It must succeed."""
    done = subprocess.run(
        command, check=False, cwd=cwd, env=clean_environment(**variables), capture_output=True, encoding="utf-8"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def program_or_skip(name: str) -> str:
    """For programs that no package brings, and whose tests are skipped therefore."""
    return shutil.which(name) or pytest.skip(f"{name} is not installed here.")


def compose(project: Path) -> Any:
    return yaml.safe_load((project / "compose.yaml").read_text(encoding="utf-8"))


def env_of(project: Path) -> dict[str, str]:
    """Read `.env` as systemd, Docker and kubectl do: without expanding anything."""
    lines = (project / ".env").read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


# .env


@pytest.mark.parametrize("database", DATABASES)
def test_programs_that_expand_nothing_read_the_environment_as_we_do(
    render: Render, plain: Service, database: str
) -> None:
    service = Service(render(database=database), plain.python)
    literal = env_of(service.project)
    assert not re.search(r"""[$'"\\]""", "".join(literal.values()))
    code = "from app.settings import get_settings; print(get_settings().database_url.password)"
    assert service.run("-c", code).stdout == service.run("-c", code, **literal).stdout


# The image


@not_on_windows
def test_the_dockerfile_has_no_faults(plain: Service) -> None:
    check(TOOLS / "hadolint", "--failure-threshold=info", plain.project / "Dockerfile")


def stages(project: Path) -> list[str]:
    return re.split(r"^FROM .*$", (project / "Dockerfile").read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]


def argument(stage: str, instruction: str) -> Any:
    """Return the list of an instruction in its exec form."""
    found = re.search(rf"^{instruction} .*?(\[.*\])$", stage, re.MULTILINE)
    assert found
    return json.loads(found[1])


def test_the_image_runs_as_a_number_that_is_not_root(plain: Service) -> None:
    _, last = stages(plain.project)
    assert re.findall(r"^USER (\d+):\d+$", last, re.MULTILINE)[-1] != "0"


def is_ignored(project: Path, path: str) -> bool:
    """As Docker decides it: the last pattern that fits the path or one of its folders counts."""
    ignored = False
    for line in (project / ".dockerignore").read_text(encoding="utf-8").splitlines():
        pattern = line.removeprefix("!")
        parts = path.split("/")
        heads = ["/".join(parts[: number + 1]) for number in range(len(parts))]
        fits = [head for head in heads if fnmatch.fnmatch(f"/{head}", pattern.replace("**/", "*/"))] or pattern in heads
        if line and not line.startswith("#") and (fits or pattern == "*"):
            ignored = not line.startswith("!")
    return ignored


@pytest.mark.parametrize(
    "path",
    [
        *(".env", "app/.env", "app/.env.production", "db.sqlite3", "app/db.sqlite3-wal", ".git/config", "private.pem"),
        *(
            "app/private.pem",
            "app/__pycache__/main.pyc",
            "app/core/__pycache__/x.pyc",
            ".venv/bin/python",
            "tests/x.py",
        ),
    ],
)
def test_no_secret_database_or_cache_gets_into_the_image(plain: Service, path: str) -> None:
    assert is_ignored(plain.project, path)


# As the first entry of PYTHONPATH, it runs at the start of the process. It stands for a read-only file system.
READ_ONLY = """
import os, sys

CHANGES = ("os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.link", "os.symlink", "os.truncate", "os.chmod")

def refuse(event, arguments):
    writes = event == "open" and (arguments[2] or 0) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
    if (writes or event in CHANGES) and not str(arguments[0]).startswith(("/dev/", "{writable}")):
        os.write(2, f"read-only: {event} {arguments[0]}".encode())
        os._exit(99)

sys.addaudithook(refuse)
"""


@pytest.fixture
def image(plain: Service, tmp_path: Path) -> Service:
    """What the Dockerfile copies, and its variables. There is no .env."""
    project, guard, data = tmp_path / "srv", tmp_path / "guard", tmp_path / "data"
    for folder in (project, guard, data):
        folder.mkdir()
    first, last = stages(plain.project)
    for sources in re.findall(r"^COPY ([\w. ]+) \S+$", first, re.MULTILINE):
        for source in sources.split():
            assert not is_ignored(plain.project, source)
            copy = shutil.copytree if (plain.project / source).is_dir() else shutil.copy
            copy(plain.project / source, project / source)
    (guard / "sitecustomize.py").write_text(READ_ONLY.replace("{writable}", str(data)))
    env = dict(re.findall(r"(PYTHON\w+)=(\S+)", last))
    settings = {"SECRET_KEY": "x" * 86, "ENVIRONMENT": "production", "DATABASE_URL": f"sqlite:///{data}/db.sqlite3"}
    return Service(project, plain.python, {**env, **settings, "PYTHONPATH": str(guard), "TMPDIR": str(data)})


def test_the_commands_of_the_image_work_on_a_read_only_file_system(image: Service, plain: Service) -> None:
    _, last = stages(plain.project)
    program, *options = argument(last, "CMD")
    command = ["-m", program, *("{port}" if option == "8000" else option for option in options)]
    python, _, probe = argument(last, "HEALTHCHECK")
    assert python == "python"
    assert "8000" in probe

    prepare(image)
    with server(image.project, image.python, image.env, command) as served, connect(served) as client:
        client.headers["Host"] = "localhost"
        assert log_in(client).status_code == 200
        assert image.run("-c", probe.replace("8000", str(served.port))).returncode == 0
    assert image.run("-c", probe.replace("8000", str(served.port))).returncode != 0


# compose.yaml


@pytest.mark.parametrize("database", DATABASES)
def test_compose_is_valid(render: Render, database: str) -> None:
    check(
        TOOLS / "check-jsonschema", "--builtin-schema=vendor.compose-spec", render(database=database) / "compose.yaml"
    )


@pytest.mark.parametrize("database", DATABASES)
def test_compose_runs_every_container_as_in_production(render: Render, database: str) -> None:
    services = compose(render(database=database))["services"]
    assert {"app", "proxy", "migrate"} <= set(services)
    for name, service in services.items():
        assert service["read_only"], name
        assert service["cap_drop"] == ["ALL"], name
        assert service.get("cap_add", []) == (["NET_BIND_SERVICE"] if name == "proxy" else []), name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["deploy"]["resources"]["limits"]["memory"], name
        if "env_file" in service:
            assert service["environment"]["ENVIRONMENT"] == "production", name
        if name != "proxy":
            assert all(port.startswith("127.0.0.1:") for port in service.get("ports", [])), name
    healthy = [of["condition"] for each in services.values() for of in each.get("depends_on", {}).values()]
    assert "service_started" not in healthy


@pytest.mark.parametrize("database", DATABASES)
def test_the_server_in_compose_believes_only_the_proxy(render: Render, database: str) -> None:
    file = compose(render(database=database))
    services, network = file["services"], file["networks"]["proxy"]
    assert {name for name, service in services.items() if "proxy" in service.get("networks", [])} == {"app", "proxy"}
    assert services["proxy"]["networks"] == ["proxy"]
    assert services["app"]["environment"]["FORWARDED_ALLOW_IPS"] == network["ipam"]["config"][0]["subnet"]
    assert "ports" not in services["app"]


def test_in_compose_the_server_and_the_database_share_the_password_of_the_environment(render: Render) -> None:
    project = render(database="PostgreSQL")
    services, env = compose(project)["services"], env_of(project)
    said = [services[name]["environment"] for name in ("app", "database")]
    url, password = (
        re.sub(r"\$\{(\w+):\?[^}]*\}", lambda name: env[name[1]], text)
        for text in (said[0]["DATABASE_URL"], said[1]["POSTGRES_PASSWORD"])
    )
    assert url == env["DATABASE_URL"].replace("@localhost:", "@database:")
    assert httpx.URL(url).password == password == env["POSTGRES_PASSWORD"]


# systemd


@pytest.mark.parametrize("unit", ["server", "worker"])
def test_the_units_are_valid_and_confined(plain: Service, tmp_path: Path, unit: str) -> None:
    analyze = program_or_skip("systemd-analyze")
    text = (plain.project / "deploy" / "systemd" / f"{unit}.service").read_text(encoding="utf-8")
    binaries = f"{plain.python.parent}/"
    file = tmp_path / f"{unit}.service"
    file.write_text(text.replace(f"/opt/{plain.project.name}/.venv/bin/", binaries), encoding="utf-8")
    done = subprocess.run([analyze, "verify", "--man=no", file], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    check(analyze, "security", "--offline=true", "--threshold=15", "--no-pager", file)  # tenths: 10.0 is unconfined


@pytest.mark.parametrize("slug", ["a", "shop_2-", "a" * 50])
def test_the_units_name_a_user_and_the_manifests_names_that_are_allowed(render: Render, slug: str) -> None:
    deploy = render(project_slug=slug) / "deploy"
    (user,) = re.findall(r"^User=(.+)$", (deploy / "systemd" / "server.service").read_text(), re.MULTILINE)
    assert re.fullmatch(r"[a-z_][a-z0-9_-]{0,31}", user)  # useradd's rule
    kustomization = yaml.safe_load((deploy / "kubernetes" / "kustomization.yaml").read_text())
    assert re.fullmatch(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?", kustomization["namespace"])  # RFC 1123
    image = compose(deploy.parent)["services"]["app"]["image"]
    assert re.fullmatch(r"[a-z0-9]+(-+[a-z0-9]+)*", image)


def test_every_way_starts_the_server_in_the_same_way(plain: Service) -> None:
    unit = (plain.project / "deploy" / "systemd" / "server.service").read_text(encoding="utf-8")
    (line,) = re.findall(r"^ExecStart=(.+)$", unit, re.MULTILINE)
    program, *options = shlex.split(line)
    expected = argument(stages(plain.project)[1], "CMD")
    expected[expected.index("--host") + 1] = LOOPBACK
    assert [Path(program).name, *options] == expected


# Kubernetes


@pytest.fixture(scope="module")
def manifests(plain: Service) -> Path:
    return plain.project / "deploy" / "kubernetes"


def objects(folder: Path) -> list[Any]:
    files = [file for file in folder.glob("*.yaml") if file.name != "kustomization.yaml"]
    return [each for file in files for each in yaml.safe_load_all(file.read_text(encoding="utf-8"))]


def test_the_manifests_are_valid(manifests: Path) -> None:
    listed = yaml.safe_load((manifests / "kustomization.yaml").read_text(encoding="utf-8"))["resources"]
    assert set(listed) == {file.name for file in manifests.iterdir()} - {"kustomization.yaml"}
    check(TOOLS / "kubernetes-validate", "--strict", "--quiet", *(manifests / name for name in listed))


def test_what_kustomize_makes_of_them_is_valid(manifests: Path, tmp_path: Path) -> None:
    kubectl = program_or_skip("kubectl")
    built = tmp_path / "built.yaml"
    built.write_text(check(kubectl, "kustomize", manifests), encoding="utf-8")
    check(TOOLS / "kubernetes-validate", "--strict", "--quiet", built)
    text = built.read_text(encoding="utf-8")
    assert "image: app\n" not in text
    (name,) = {name for name in re.findall(r"name: (settings\S*)", text)}
    assert name != "settings"  # a change of the settings makes new pods


def test_the_secret_is_what_the_environment_says(plain: Service) -> None:
    make = ("create", "secret", "generic", "env", "--from-env-file=.env", "--dry-run=client", "--output=yaml")
    secret = yaml.safe_load(check(program_or_skip("kubectl"), *make, cwd=plain.project))
    assert {name: b64decode(value).decode() for name, value in secret["data"].items()} == env_of(plain.project)


def test_every_pod_is_confined(manifests: Path) -> None:
    pods = [each["spec"]["template"]["spec"] for each in objects(manifests) if each["kind"] in PODS]
    assert len(pods) == 3
    for pod in pods:
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"] == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
        for container in pod["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert [volume["mountPath"] for volume in container["volumeMounts"]] == ["/tmp"]  # noqa: S108
            assert container["resources"].keys() == {"requests", "limits"}
            # The last one wins: .env says ENVIRONMENT=local.
            assert [*container["envFrom"][-1]] == ["configMapRef"]


def test_everything_finds_the_pods_of_the_server(manifests: Path) -> None:
    found = {(each["kind"], each["metadata"]["name"]): each["spec"] for each in objects(manifests)}
    pods = found["Deployment", "server"]["template"]
    labels = pods["metadata"]["labels"]
    assert found["Service", "server"]["selector"] == labels
    assert found["PodDisruptionBudget", "server"]["selector"]["matchLabels"] == labels
    assert found["NetworkPolicy", "server"]["podSelector"]["matchLabels"] == labels
    assert found["HorizontalPodAutoscaler", "server"]["scaleTargetRef"]["name"] == "server"
    assert "replicas" not in found["Deployment", "server"]
    container = pods["spec"]["containers"][0]
    assert "command" not in container  # that of the image
    graceful = container["lifecycle"]["preStop"]["sleep"]["seconds"] + 10
    assert pods["spec"]["terminationGracePeriodSeconds"] > graceful


# Grafana


def test_the_dashboard_asks_only_for_metrics_that_there_are(plain: Service) -> None:
    text = (plain.project / "deploy" / "grafana" / "dashboard.json").read_text(encoding="utf-8")
    panels = json.loads(text)["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    asked: set[str] = set()
    for expression in (target["expr"] for panel in panels for target in panel["targets"]):
        names = set(re.findall(r"\b(\w+)\{", expression))
        labels = {label for group in re.findall(r"by \(([^)]*)\)", expression) for label in group.split(", ")}
        assert names <= METRICS.keys(), expression
        assert labels <= set().union(*(METRICS[name] for name in names)), expression
        asked |= names
    assert asked == METRICS.keys()


SAMPLES = """
from prometheus_client import REGISTRY
import app.main

for family in REGISTRY.collect():
    if not family.name.startswith(("python_", "process_")):
        print(family.name)
"""


def test_these_metrics_are_those_of_a_project(plain: Service) -> None:
    counted = {line.split()[0] for line in plain.run("-c", SAMPLES).stdout.splitlines()}
    assert {name.removesuffix("_total").removesuffix("_bucket") for name in METRICS} == counted


# The pages


def test_the_pages_name_only_files_of_deploy_that_there_are(plain: Service) -> None:
    pages = [page.read_text(encoding="utf-8") for page in (plain.project / "docs").glob("deployment*.md")]
    named = set(re.findall(r"\bdeploy/[\w./-]*\w", "\n".join(pages)))
    assert [name for name in named if not (plain.project / name).exists()] == []
    files = {path.relative_to(plain.project).as_posix() for path in (plain.project / "deploy").rglob("*.*")}
    told = {file for file in files if any(file == name or file.startswith(f"{name}/") for name in named)}
    assert files == told
