"""`make demo`: renders the template with its defaults, runs the result, and says how to log in to it.

The project is a throwaway: it lies in `.demo/`, and is made anew each time, with a new password.
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
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from cookiecutter.main import cookiecutter  # type: ignore[import-untyped]

ROOT = Path(__file__).resolve().parent
DEMO = ROOT / ".demo"
PATIENCE = 300  # s that downloads may take

HINT = """
The service runs. Log in and look around, in another terminal:

TOKEN=$(curl -s {url}/token -d username=demo -d password={password} | python3 -c 'import json, sys; print(json.load(sys.stdin)["access_token"])')
curl -s {url}/users/me -H "Authorization: Bearer $TOKEN"
curl -s {url}/protected -H "Authorization: Bearer $TOKEN"

All routes: {url}/docs     Its code: {project}     Ctrl-C ends it.
"""  # noqa: E501 (a line of shell cannot be broken where people copy it)


def main(port: int) -> None:
    url = f"http://127.0.0.1:{port}"
    refuse_busy(port)
    project = render()
    command = ["make", "--no-print-directory", "run", f"PORT={port}"]
    server = subprocess.Popen(command, cwd=project, start_new_session=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        wait_for(f"{url}/health/live", server)
        password = make_superuser(project)
        where = project.relative_to(ROOT)
        print(HINT.format(url=url, password=password, project=where), flush=True)
        sys.exit(server.wait())
    except KeyboardInterrupt:
        pass
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait()


def refuse_busy(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            sys.exit(f"Port {port} is in use: choose another, as in `make demo PORT={port + 1}`.")


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


def make_superuser(project: Path) -> str:
    password = secrets.token_urlsafe(16)
    command = [".venv/bin/python", "manage.py", "createsuperuser", "--no-input"]
    subprocess.run(
        [*command, "--username=demo", "--email=demo@example.com"],
        cwd=project,
        env={**os.environ, "SUPERUSER_PASSWORD": password},
        stdout=subprocess.DEVNULL,
        check=True,
    )
    return password


if __name__ == "__main__":
    main(int(sys.argv[1]))
