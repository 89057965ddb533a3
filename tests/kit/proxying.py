"""The proxies that a project brings, with certificates of their own and free ports."""

import re
import ssl
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.kit.servers import LOOPBACK, free_port


def self_signed(folder: Path) -> Path:
    """Make a certificate for localhost, with its key in the same file."""
    file = folder / "localhost.pem"
    new = ("-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2")
    name = ("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost")
    command: list[str | Path] = ["openssl", "req", *new, *name, "-keyout", file, "-out", folder / "certificate.pem"]
    subprocess.run(command, check=True, capture_output=True)
    with file.open("a") as both:
        both.write((folder / "certificate.pem").read_text())
    return file


def nginx_site(project: Path, upstreams: Sequence[int], port: int, certificate: Path) -> str:
    """Return the project's `deploy/nginx.conf` with what belongs to the machine replaced: host, ports and files."""
    site = (project / "deploy" / "nginx.conf").read_text(encoding="utf-8")
    site = re.sub(r"listen \[::\].*\n", "", site)  # not every machine has IPv6
    site = site.replace("listen 443", f"listen {LOOPBACK}:{port}")
    site = site.replace("listen 80;", f"listen {LOOPBACK}:{free_port()};")
    site = re.sub(r"(ssl_certificate\w*) \S+;", rf"\1 {certificate};", site)
    (line,) = re.findall(r"^ *server 127\.0\.0\.1:8000.*\n", site, re.MULTILINE)
    lines = [line.replace("127.0.0.1:8000", f"{LOOPBACK}:{upstream}") for upstream in upstreams]
    return site.replace("api.example.com", "localhost").replace(line, "".join(lines))


def trusting(certificate: Path | str) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=certificate)
