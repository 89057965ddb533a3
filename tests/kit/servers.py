"""Real servers for tests and benchmarks, each on a free port of the loopback interface.

They run in their own processes. They always end with the `with` block, also after an error or Ctrl-C.
"""

import asyncio
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import NoReturn

import httpx
import psutil
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

LOOPBACK = "127.0.0.1"
START_LIMIT = 30  # s: generous, since two cores may be busy with other things
STOP_LIMIT = 10  # s: what the contract allows after SIGTERM

# `{port}` is filled in by `server`. The grace is what `docs/deployment.md` passes: without it a client that stalls in
# the middle of a request would keep uvicorn from ever ending.
UVICORN = (
    *("-m", "uvicorn", "app.main:app", "--host", LOOPBACK),
    *("--port", "{port}", "--timeout-graceful-shutdown", "8"),
)
RUNSERVER = ("manage.py", "runserver", "{port}", "--no-reload")

# A process inherits only these variables: settings in the developer's shell must not change the result of a test.
INHERITED = ("PATH", "HOME", "LANG", "TMPDIR", "SYSTEMROOT")


class PostgreSQLMissing(Exception):
    """PostgreSQL's server is not installed."""


class PgBouncerMissing(Exception):
    """No PgBouncer is installed here."""


class RedisMissing(Exception):
    """Redis' server is not installed."""


class NginxMissing(Exception):
    """nginx is not installed."""


class NodeMissing(Exception):
    """Node.js or its package manager is not installed."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def clean_environment(**variables: str) -> dict[str, str]:
    inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
    return {**inherited, "PYTHONUTF8": "1", **variables}


@dataclass(frozen=True)
class PostgreSQL:
    """A new cluster in a temporary folder. No data must survive a crash."""

    binaries: Path
    folder: Path
    user: str | None
    port: int

    @property
    def url(self) -> str:
        return self.url_of("postgres")

    def url_of(self, database: str) -> str:
        return f"postgresql://postgres@{LOOPBACK}:{self.port}/{database}"

    def create_database(self, name: str) -> str:
        self.query(f'CREATE DATABASE "{name}"')
        return self.url_of(name)

    def databases(self) -> set[str]:
        return set(self.query("SELECT datname FROM pg_database").split())

    def query(self, sql: str, database: str = "postgres") -> str:
        address = self.url_of(database)
        return self._run("psql", "--quiet", "--tuples-only", "--no-align", "--dbname", address, "--command", sql)

    def init(self) -> None:
        options = ("--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync")
        self._run("initdb", f"--pgdata={self.folder / 'data'}", *options)

    def start(self) -> None:
        safety_off = "-c fsync=off -c synchronous_commit=off -c full_page_writes=off"
        options = f"-p {self.port} -k {self.folder} -c listen_addresses={LOOPBACK} {safety_off}"
        self._control("start", "-o", options, "-l", str(self.folder / "log"))

    def stop(self, mode: str = "fast") -> None:
        self._control("stop", "-m", mode)

    def is_running(self) -> bool:
        return (self.folder / "data" / "postmaster.pid").exists()

    def demote(self) -> None:
        """Start again as a replica, which takes no changes; it follows nobody."""
        (self.folder / "data" / "standby.signal").touch()
        self.stop()
        self.start()

    def promote(self) -> None:
        self._control("promote")

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Stop all its processes where they are: the machine still takes what is sent to them, and nobody reads it."""
        processes = self._processes()
        for process in processes:
            process.suspend()
        try:
            yield
        finally:
            for process in processes:
                process.resume()

    def _processes(self) -> list[psutil.Process]:
        """The first is that which starts the others: stopped before they are looked for, it starts no more."""
        pid = int((self.folder / "data" / "postmaster.pid").read_text().split()[0])
        first = psutil.Process(pid)
        first.suspend()
        return [first, *first.children(recursive=True)]

    def _control(self, action: str, *options: str) -> None:
        self._run("pg_ctl", action, f"--pgdata={self.folder / 'data'}", "--wait", *options)

    def _run(self, program: str, *arguments: str) -> str:
        """Return the output of the program. Raises CalledProcessError with the output as a note."""
        # A file, not a pipe: the server that pg_ctl starts would keep a pipe open, and we would wait.
        with tempfile.TemporaryFile("w+", encoding="utf-8") as output:
            command: list[Path | str] = [self.binaries / program, *arguments]
            try:
                subprocess.run(
                    command,
                    check=True,
                    cwd=self.folder,  # the other user may have no access to the caller's folder
                    env=clean_environment(),
                    user=self.user,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                )
            except subprocess.CalledProcessError as error:
                output.seek(0)
                error.add_note(output.read())
                raise
            output.seek(0)
            return output.read()


@contextmanager
def postgresql() -> Iterator[PostgreSQL]:
    """Raises PostgreSQLMissing if Debian's package `postgresql`, or a similar one, is not installed."""
    binaries, user = _postgresql_binaries(), _unprivileged_user()
    folder = Path(tempfile.mkdtemp(prefix="pg-"))  # not pytest's: only root may enter its parents
    cluster = PostgreSQL(binaries, folder, user, free_port())
    try:
        if user:
            shutil.chown(folder, user)
        cluster.init()
        cluster.start()
        yield cluster
    finally:
        if cluster.is_running():
            cluster.stop("immediate")
        shutil.rmtree(folder)


@contextmanager
def postgresql_or_skip() -> Iterator[PostgreSQL]:
    """For fixtures: without PostgreSQL, their tests are skipped. In CI they fail."""
    try:
        _postgresql_binaries()
    except PostgreSQLMissing as error:
        fail_in_ci_else_skip(error)
    with postgresql() as cluster:
        yield cluster


def fail_in_ci_else_skip(error: Exception) -> NoReturn:
    if os.environ.get("CI") == "true":
        pytest.fail(str(error))
    pytest.skip(str(error))


def _postgresql_binaries() -> Path:
    """Debian has them outside of PATH, in a folder for each version. Elsewhere, `pg_config` knows the folder."""
    found = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/pg_ctl")]
    if found:
        return max(found, key=lambda path: int(path.parent.name))
    if pg_config := shutil.which("pg_config"):
        answer = subprocess.run([pg_config, "--bindir"], check=True, capture_output=True, text=True)
        if (folder := Path(answer.stdout.strip())).joinpath("pg_ctl").exists():
            return folder
    raise PostgreSQLMissing("PostgreSQL's server is not installed here: on Debian, `apt-get install postgresql`.")


def _unprivileged_user() -> str | None:
    """PostgreSQL refuses to run as root. None means the current user."""
    return "nobody" if sys.platform != "win32" and os.geteuid() == 0 else None


@contextmanager
def pgbouncer(cluster: PostgreSQL) -> Iterator[str]:
    """Pool the server's connections by transactions; yield the address, to which a database's name is to be added.

    Raises PgBouncerMissing where Debian's package `pgbouncer`, or one like it, is not installed.
    """
    binary, port = _pgbouncer_binary(), free_port()
    with tempfile.TemporaryDirectory(prefix="pgbouncer-") as folder:
        users, settings = Path(folder) / "users", Path(folder) / "pgbouncer.ini"
        users.write_text('"postgres" ""\n')
        settings.write_text(
            f"[databases]\n* = host={LOOPBACK} port={cluster.port}\n"
            f"[pgbouncer]\nlisten_addr = {LOOPBACK}\nlisten_port = {port}\nunix_socket_dir =\n"
            f"pool_mode = transaction\ndefault_pool_size = 4\nauth_type = trust\nauth_file = {users}\n"
        )
        if user := _unprivileged_user():
            shutil.chown(folder, user)
        command: list[str | Path] = [binary, "--quiet", settings]
        with subprocess.Popen(command, user=user, env=clean_environment(), stderr=subprocess.DEVNULL) as process:
            try:
                _wait_until_open(port, process)
                yield f"postgresql://postgres@{LOOPBACK}:{port}"
            finally:
                process.kill()


def pgbouncer_or_skip(cluster: PostgreSQL) -> AbstractContextManager[str]:
    """For fixtures: where there is no PgBouncer their tests are skipped, but in CI they fail."""
    try:
        _pgbouncer_binary()
    except PgBouncerMissing as error:
        fail_in_ci_else_skip(error)
    return pgbouncer(cluster)


def _pgbouncer_binary() -> Path:
    """Debian keeps it where only administrators look."""
    if found := shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin"):
        return Path(found)
    raise PgBouncerMissing("PgBouncer is not installed here: on Debian, `apt-get install pgbouncer`.")


def _wait_until_open(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_LIMIT
    while not is_open(port):
        assert process.poll() is None, "It ended before it listened."
        assert time.monotonic() < deadline, "It does not listen."
        time.sleep(0.02)


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((LOOPBACK, port)) == 0


@dataclass
class Redis:
    """A new server that stores nothing: each start begins without keys and scripts."""

    binary: Path
    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://{LOOPBACK}:{self.port}/0"

    def start(self) -> None:
        options = ("--port", str(self.port), "--bind", LOOPBACK, "--save", "", "--dir", str(self.folder))
        self.process = subprocess.Popen(
            [self.binary, *options], env=clean_environment(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )
        deadline = time.monotonic() + START_LIMIT
        while not self.answers():
            assert self.process.poll() is None, "Redis ended before it answered."
            assert time.monotonic() < deadline, "Redis does not answer."
            time.sleep(0.02)

    def kill(self) -> None:
        """Kill the server: it closes no connection properly. A second call does nothing."""
        if self.process:
            self.process.kill()
            self.process.wait()

    def answers(self) -> bool:
        try:
            with socket.create_connection((LOOPBACK, self.port), timeout=1) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(16).startswith(b"+PONG")
        except OSError:
            return False


@contextmanager
def redis() -> Iterator[Redis]:
    """Raises RedisMissing if Debian's package `redis-server`, or a similar one, is not installed."""
    with tempfile.TemporaryDirectory(prefix="redis-") as folder:
        running = Redis(_redis_binary(), Path(folder), free_port())
        try:
            running.start()
            yield running
        finally:
            running.kill()


@contextmanager
def redis_or_skip() -> Iterator[Redis]:
    """For fixtures: without Redis, their tests are skipped. In CI they fail."""
    try:
        _redis_binary()
    except RedisMissing as error:
        fail_in_ci_else_skip(error)
    with redis() as running:
        yield running


def _redis_binary() -> Path:
    if found := shutil.which("redis-server"):
        return Path(found)
    raise RedisMissing("Redis' server is not installed here: on Debian, `apt-get install redis-server`.")


NGINX = """
daemon off;
pid {folder}/pid;
error_log stderr;
{user}
events {{}}
http {{
    client_body_temp_path {folder}/bodies;
    proxy_temp_path {folder}/answers;
    include {folder}/site;
}}
"""


@dataclass(frozen=True)
class Nginx:
    process: psutil.Process
    site: Path

    def reload(self, site: str) -> None:
        """Serve another site, as `systemctl reload nginx` does. Wait until the requests to the old one are answered."""
        before = self.process.children()
        self.site.write_text(site, encoding="utf-8")
        self.process.send_signal(signal.SIGHUP)
        _, alive = psutil.wait_procs(before, timeout=STOP_LIMIT)
        assert not alive


@contextmanager
def nginx(site: str, port: int) -> Iterator[Nginx]:
    """Serve this site, which listens on `port`."""
    with tempfile.TemporaryDirectory(prefix="nginx-") as name:
        folder = Path(name)
        (folder / "site").write_text(site, encoding="utf-8")
        # Its workers would change to another user, who has no access to this folder.
        user = "user root;" if sys.platform != "win32" and os.geteuid() == 0 else ""
        (folder / "nginx.conf").write_text(NGINX.format(folder=folder, user=user), encoding="utf-8")
        command: list[str | Path] = [_nginx_binary(), "-e", "stderr", "-c", folder / "nginx.conf"]
        _check([*command, "-q", "-t"])
        with _listening(command, port, clean_environment()) as process:
            yield Nginx(psutil.Process(process.pid), folder / "site")


@contextmanager
def nginx_or_skip(site: str, port: int) -> Iterator[Nginx]:
    """For fixtures: without nginx, their tests are skipped. In CI they fail."""
    try:
        _nginx_binary()
    except NginxMissing as error:
        fail_in_ci_else_skip(error)
    with nginx(site, port) as running:
        yield running


def node_or_skip() -> Path:
    """Return the folder of `node` and `npm`. Without them, a test is skipped. In CI it fails."""
    found = shutil.which("npm")
    if found and shutil.which("node", path=Path(found).parent):
        return Path(found).parent
    fail_in_ci_else_skip(NodeMissing("Node.js is not installed here: on Debian, `apt-get install nodejs npm`."))


def _nginx_binary() -> Path:
    """Debian keeps it where only administrators look."""
    if found := shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin"):
        return Path(found)
    raise NginxMissing("nginx is not installed here: on Debian, `apt-get install nginx`.")


@contextmanager
def caddy(caddyfile: str, port: int, env: Mapping[str, str]) -> Iterator[Path]:
    """Serve this Caddyfile, which listens on `port`. Yield the certificate of the authority that Caddy makes."""
    with tempfile.TemporaryDirectory(prefix="caddy-") as name:
        file = Path(name) / "Caddyfile"
        file.write_text(caddyfile, encoding="utf-8")
        command: list[str | Path] = [Path(sys.executable).parent / "caddy", "run", "--config", file]
        folders = {"XDG_DATA_HOME": name, "XDG_CONFIG_HOME": name}
        with _listening([*command, "--adapter", "caddyfile"], port, clean_environment(**env, **folders)):
            authority = Path(name) / "caddy" / "pki" / "authorities" / "local" / "root.crt"
            _wait_for_certificate(port, authority)
            yield authority


def _wait_for_certificate(port: int, authority: Path) -> None:
    """Caddy listens a moment before it has made its certificate for localhost."""
    deadline = time.monotonic() + START_LIMIT
    while not _has_certificate(port, authority):
        assert time.monotonic() < deadline, "It has no certificate."
        time.sleep(0.02)


def _has_certificate(port: int, authority: Path) -> bool:
    try:
        context = ssl.create_default_context(cafile=authority)
        with socket.create_connection((LOOPBACK, port)) as plain:
            context.wrap_socket(plain, server_hostname="localhost").close()
    except OSError:
        return False
    return True


@contextmanager
def _listening(command: Sequence[str | Path], port: int, env: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(command, env=env, stderr=subprocess.DEVNULL) as process:
        try:
            _wait_until_open(port, process)
            yield process
        finally:
            process.terminate()


def _check(command: Sequence[str | Path]) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@dataclass(frozen=True)
class Program:
    """A process of a project, and its output."""

    process: subprocess.Popen[bytes]
    log_file: Path

    def log(self) -> str:
        return self.log_file.read_text(encoding="utf-8")

    def log_until(self, text: str) -> str:
        """Wait for `text` in the output: a request is logged after its answer was sent."""
        deadline = time.monotonic() + START_LIMIT
        while text not in self.log():
            assert time.monotonic() < deadline, f"The log lacks {text!r}:\n{self.log()}"
            time.sleep(0.02)
        return self.log()

    def kill(self) -> None:
        """Kill it without a warning, as a machine may do. A second call does nothing."""
        self.process.kill()
        self.process.wait()


@dataclass(frozen=True)
class Server(Program):
    url: str

    @property
    def port(self) -> int:
        return httpx.URL(self.url).port or 80

    def accepts(self) -> bool:
        """Tell whether it takes new connections: no longer, once it has begun to end."""
        return is_open(self.port)

    def is_live(self) -> bool:
        try:
            # `trust_env`: a proxy that the shell names has no part in this.
            return httpx.get(f"{self.url}/health/live", trust_env=False).is_success
        except httpx.TransportError:
            return False


@contextmanager
def server(
    project: Path,
    python: Path,
    env: Mapping[str, str] | None = None,
    command: Sequence[str] = UVICORN,
    port: int | None = None,
) -> Iterator[Server]:
    """Serve `project`, on a free port if none is given.

    At the end it gets SIGTERM, unless the test has killed it, and must end in time.
    """
    port = port or free_port()
    with _program(project, python, env, [part.format(port=port) for part in command]) as program:
        running = Server(program.process, program.log_file, f"http://{LOOPBACK}:{port}")
        _wait_until_live(running)
        yield running
        if running.process.returncode != -signal.SIGKILL:
            terminate(running)


@contextmanager
def worker(project: Path, python: Path, env: Mapping[str, str], *options: str) -> Iterator[Program]:
    """Run the project's tasks. At the end it gets SIGTERM, unless the test has killed it, and must end in time."""
    with _program(project, python, env, ["manage.py", "worker", *options]) as running:
        running.log_until("Waiting for tasks.")
        yield running
        if running.process.poll() is None:
            terminate(running)


@contextmanager
def _program(project: Path, python: Path, env: Mapping[str, str] | None, arguments: Sequence[str]) -> Iterator[Program]:
    with tempfile.TemporaryDirectory(prefix="program-") as folder:
        log_file = Path(folder) / "log"
        with log_file.open("wb") as log:
            process = subprocess.Popen(
                [python, *arguments],
                cwd=project,
                env=clean_environment(**(env or {})),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        running = Program(process, log_file)
        try:
            yield running
        finally:
            running.kill()


def _wait_until_live(running: Server) -> None:
    deadline = time.monotonic() + START_LIMIT
    while not running.is_live():
        assert running.process.poll() is None, f"The server ended before it served:\n{running.log()}"
        assert time.monotonic() < deadline, f"The server does not answer:\n{running.log()}"
        time.sleep(0.05)


def terminate(running: Program) -> None:
    """Send SIGTERM to a server or worker. A second call does nothing."""
    running.process.send_signal(signal.SIGTERM)
    try:
        status = running.process.wait(STOP_LIMIT)
    except subprocess.TimeoutExpired:
        raise AssertionError(f"It runs {STOP_LIMIT} s after SIGTERM:\n{running.log()}") from None
    assert status in (0, -signal.SIGTERM), f"It ended with status {status}:\n{running.log()}"


@dataclass(frozen=True)
class SMTPServer:
    """The mails that a mail server has received. A mail is there before its sender gets the answer."""

    url: str
    messages: list[EmailMessage] = field(default_factory=list)
    pause: float = 0
    """Seconds before it says that it has taken a mail."""

    async def handle_DATA(  # noqa: N802 (aiosmtpd's name)
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        assert isinstance(envelope.content, bytes)
        await asyncio.sleep(self.pause)
        self.messages.append(message_from_bytes(envelope.content, policy=default))
        return "250 OK"


@contextmanager
def smtp_server(pause: float = 0) -> Iterator[SMTPServer]:
    """Accept all mails, in a thread of this process."""
    port = free_port()
    running = SMTPServer(f"smtp://{LOOPBACK}:{port}", pause=pause)
    controller = Controller(running, LOOPBACK, port, server_hostname="localhost", ready_timeout=START_LIMIT)
    controller.start()
    try:
        yield running
    finally:
        controller.stop()
