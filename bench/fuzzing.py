"""Finds input for which a server answers a 5xx, or an answer that its OpenAPI document lacks: schemathesis, all routes.

    python -m bench.fuzzing [--python PATH] [--seconds N]

It calls a freshly rendered project on SQLite as a superuser, and then without a token. The requests are made from the
document, so new routes need no change here. PATH is a Python with a project's requirements; the default is a new one.
The exit status is 1 if there is such an answer. Then it prints the requests, and the log of the server.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from bench.logins import make_environment, render_project
from bench.rendering import ROOT
from tests.kit.servers import Server, clean_environment
from tests.kit.services import Service, serve

SECONDS = 120

# The cheapest hash, so that logins do not take all the time. No throttle: a refused request would test nothing.
SETTINGS = {"BCRYPT_ROUNDS": "4", "LOGIN_THROTTLE": "1000000/second", "MAIL_THROTTLE": "1000000/second"}
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)
OPTIONS = (
    *("--checks", ",".join(CHECKS), "--continue-on-failure", "--request-timeout", "30"),
    *("--suppress-health-check", "all", "--warnings", "off", "--no-color"),
)
LOG_LINES = 80
ANSWER = re.compile(r" ([1-5])\d\d [\d.]+ ms$", re.MULTILINE)


@dataclass(frozen=True)
class Run:
    caller: str
    passed: bool
    report: str
    """What schemathesis printed, and what the server logged last, but for its requests."""
    answers: Counter[str]
    """How many were `2xx`, `4xx` and so on."""


def fuzz(service: Service, seconds: int) -> list[Run]:
    """Afterwards, the database of the service has unknown contents."""
    service = service.with_env(**SETTINGS)
    service.manage("migrate")
    as_superuser = {"SCHEMATHESIS_HOOKS": "bench.fuzzing_hooks"}
    return [
        # Apart, since sequences, of which there are the most, would take the time that single routes need.
        fuzz_as("a superuser", service, seconds // 2, "examples,coverage,fuzzing", **as_superuser),
        fuzz_as("a superuser, in sequences", service, seconds // 4, "stateful", **as_superuser),
        fuzz_as("anybody", service, seconds // 4, "examples,coverage,fuzzing,stateful"),
    ]


def fuzz_as(caller: str, service: Service, seconds: int, phases: str, **variables: str) -> Run:
    with serve(service) as served, tempfile.TemporaryDirectory() as folder:
        options = (*OPTIONS, "--phases", phases, "--max-time", str(seconds))
        done = subprocess.run(
            [sys.executable, "-m", "schemathesis.cli", "run", f"{served.url}/openapi.json", *options],
            check=False,
            timeout=2 * seconds + 60,
            cwd=folder,  # the folder for its state
            env=clean_environment(PYTHONPATH=str(ROOT), SERVED=describe(service, served), **variables),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
        )
        log = served.log()
    answers = Counter(f"{digit}xx" for digit in ANSWER.findall(log))
    passed = done.returncode == 0 and answers["2xx"] > 0 and not answers["5xx"]
    return Run(caller, passed, f"{done.stdout}\n{last_words(log)}", answers)


def describe(service: Service, served: Server) -> str:
    """The environment variables for the hooks."""
    return json.dumps([served.url, str(service.project), str(service.python), service.env])


def last_words(log: str) -> str:
    """Return enough for a traceback."""
    return "\n".join([line for line in log.splitlines() if not ANSWER.search(line)][-LOG_LINES:])


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--python", type=Path, help="a Python that has a project's requirements")
    parser.add_argument("--seconds", type=int, default=SECONDS)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        python = (arguments.python or make_environment(folder / "venv")).absolute()
        runs = fuzz(Service(render_project(folder), python), arguments.seconds)
    for run in runs:
        print(f"{run.caller:28}", ", ".join(f"{count} {kind}" for kind, count in sorted(run.answers.items())))
        if not run.passed:
            print(run.report)
    return 0 if all(run.passed for run in runs) else 1


if __name__ == "__main__":
    sys.exit(main())
