"""Names of hosts, and which of them mean this machine."""

import re
from ipaddress import ip_address

LOCAL_HOSTS = ("localhost", "127.0.0.1", "[::1]")


# A Host header without its port (RFC 9110, 7.2), in lower case. `*.` stands for any subdomain, `*` for any host.
PATTERN = re.compile(r"(\*\.)?[a-z0-9._-]+|\[[0-9a-f:.]+\]|\*")


def check_hosts(hosts: tuple[str, ...]) -> tuple[str, ...]:
    lower = tuple(host.lower() for host in hosts)
    for number, host in enumerate(lower, 1):
        if not PATTERN.fullmatch(host):
            raise ValueError(
                f"item {number} of the list is not a host name like api.example.com or *.example.com: write no scheme, "
                "port or path"
            )
    return lower


def is_loopback(host: str) -> bool:
    """Tell whether everything that is sent to this host stays on this machine."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
