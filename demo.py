"""For `make demo`: renders the template with its defaults, runs the result, and prints how to log in.

The project is temporary. It is in `.demo/`, and each run makes it again with a new password.
"""

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from cookiecutter.main import cookiecutter  # type: ignore[import-untyped]

ROOT = Path(__file__).resolve().parent
DEMO = ROOT / ".demo"
PATIENCE = 60  # s: a busy machine starts slowly

HINT = """
The service runs. Log in from another terminal:

TOKEN=$(curl -s {url}/token -d username=demo -d password={password} | python3 -c 'import json, sys; print(json.load(sys.stdin)["access_token"])')
curl -s {url}/users/me -H "Authorization: Bearer $TOKEN"
curl -s {url}/protected -H "Authorization: Bearer $TOKEN"

In a browser: {url}/docs and {url}/admin, username demo, password {password}
The code is in {project}. Ctrl-C ends the demo.
"""  # noqa: E501 (people copy the lines of shell, so they must stay whole)


def main(port: int) -> None:
    url = f"http://127.0.0.1:{port}"
    refuse_busy(port)
    project, password = render(), secrets.token_urlsafe(16)
    superuser = {"SUPERUSER_USERNAME": "demo", "SUPERUSER_EMAIL": "demo@example.com", "SUPERUSER_PASSWORD": password}
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        with make(project, "superuser", **superuser) as making:
            if status := making.wait():
                sys.exit(status)
        with make(project, "run", f"PORT={port}") as server:
            wait_for(f"{url}/health/live", server)
            print(HINT.format(url=url, password=password, project=project.relative_to(ROOT)), flush=True)
            sys.exit(server.wait())
    except KeyboardInterrupt:
        pass


@contextmanager
def make(project: Path, *arguments: str, **variables: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run make in its own process group, and end the whole group at the end."""
    command = ["make", "--no-print-directory", *arguments]
    process = subprocess.Popen(command, cwd=project, env={**os.environ, **variables}, start_new_session=True)
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):  # it has already ended
            os.killpg(process.pid, signal.SIGTERM)
        process.wait()


def refuse_busy(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            sys.exit(f"Port {port} is in use. Choose another, for example `make demo PORT={port + 1}`.")


def render() -> Path:
    shutil.rmtree(DEMO, ignore_errors=True)
    DEMO.mkdir()
    config = DEMO / "cookiecutter.json"  # keeps cookiecutter's own files out of the home folder
    config.write_text(json.dumps({"cookiecutters_dir": str(DEMO), "replay_dir": str(DEMO / "replay")}))
    return Path(cookiecutter(str(ROOT), no_input=True, output_dir=str(DEMO), config_file=str(config)))


def wait_for(url: str, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if (status := server.poll()) is not None:
            sys.exit(status or 1)
        try:
            with urlopen(url, timeout=5):  # noqa: S310 (the address is ours)
                return
        except (URLError, ConnectionError):
            time.sleep(0.1)
    sys.exit(f"The server did not answer within {PATIENCE} s.")


if __name__ == "__main__":
    main(int(sys.argv[1]))
