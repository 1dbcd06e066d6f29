"""Where everything lies and listens: one data folder, one base port. Imports clinic.config."""

import os
from dataclasses import dataclass
from pathlib import Path

from clinic.config import Addresses, is_this_machine

MOST_WEB_PROCESSES = 16
LONGEST_SOCKET_PATH = 100
"""A Unix socket's path may have 107 bytes; names in DIR/run have room for what the parts add."""

THRIFT = {"MALLOC_ARENA_MAX": "2", "MALLOC_MMAP_THRESHOLD_": str(200_000)}
"""For glibc: what one log-in needs (19 MiB to check the password), and a piece of a file (256 KiB), goes back when it is over. Else each of
the web's threads keeps as much for ever, 120 MB after eight log-ins at once."""

PORT_PURPOSES = ("web, http", "web, https", "XMPP with STARTTLS", "XMPP with TLS", "XMPP server's http", "XMPP components")


def bracketed(host: str) -> str:
    """Returns a host as it stands before a port: IPv6 addresses in brackets."""
    return f"[{host}]" if ":" in host else host


@dataclass(frozen=True)
class Layout(Addresses):
    """One clinic's folder, addresses and ports. `host` is what outside ports bind to.

    `components` is how many processes serve the threads, `web_processes` how many serve pages.
    """

    data: Path
    base_port: int
    host: str = "127.0.0.1"
    domain: str = "localhost"
    database_url: str = ""
    extra_public_url: str = ""
    components: int = 1
    web_processes: int = 1

    @property
    def database(self) -> str:
        """The database's URL: SQLite below the data folder unless another was given."""
        return self.database_url or f"sqlite:///{self.data / 'clinic.sqlite3'}"

    @property
    def public_url(self) -> str:
        """Where a browser on this machine goes. Passkeys and cookies want the name localhost."""
        return self.extra_public_url or f"http://localhost:{self.base_port}"

    @property
    def shown_host(self) -> str:
        """The name or address that other machines use; localhost while the clinic listens on loopback only."""
        return "localhost" if self.host in ("localhost", "127.0.0.1", "::1") else self.host

    @property
    def outside_hosts(self) -> tuple[str, ...]:
        """What TLS ports bind to. Plain http and the parts' own ports stay on loopback whatever `host` says."""
        return ("127.0.0.1",) if self.host == "localhost" else tuple(dict.fromkeys(("127.0.0.1", self.host)))

    @property
    def certificate_names(self) -> tuple[str, ...]:
        """Names and addresses that the server certificate must hold for."""
        names = (self.domain, self.threads_domain, "localhost", "127.0.0.1", "::1", self.host)
        return tuple(dict.fromkeys(name.lower() for name in names))

    @property
    def https_url(self) -> str:
        """The same clinic by TLS."""
        return f"https://{bracketed(self.shown_host)}:{self.https_port}"

    @property
    def shared_url(self) -> str:
        """The address for a link that somebody else opens: where the clinic serves a network, the one there."""
        return self.public_url if is_this_machine(self.host) else self.https_url

    @property
    def websocket_url(self) -> str:
        """The WebSocket that a page on this machine opens."""
        return f"ws://localhost:{self.xmpp_http_port}/xmpp-websocket"

    @property
    def origins(self) -> tuple[str, ...]:
        """The sites whose pages may open the WebSocket."""
        found = [self.public_url, self.https_url]
        found += [f"http://{name}:{self.base_port}" for name in ("localhost", "127.0.0.1")]
        found += [f"https://{name}:{self.https_port}" for name in ("localhost", "127.0.0.1", self.domain)]
        return tuple(dict.fromkeys(found))

    @property
    def ports(self) -> dict[int, str]:
        """Each port with what it is for."""
        return {self.base_port + step: purpose for step, purpose in enumerate(PORT_PURPOSES)}

    def folder(self, name: str) -> Path:
        """Returns a sub-folder of the data folder, made with mode 0700 if absent."""
        path = self.data / name
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        return path

    def environment(self) -> dict[str, str]:
        """Returns the environment of every process of this clinic."""
        own = {
            "BEDSIDE_DATA": str(self.data),
            "BEDSIDE_DATABASE_URL": self.database,
            "BEDSIDE_DOMAIN": self.domain,
            "BEDSIDE_BASE_PORT": str(self.base_port),
            "BEDSIDE_HOST": self.host,
            "BEDSIDE_SECRETS": str(self.data / "secrets"),
            "BEDSIDE_PUBLIC_URL": self.public_url,
            "BEDSIDE_HTTPS_URL": self.https_url,
            "BEDSIDE_COMPONENTS": str(self.components),
            "BEDSIDE_WEB_PROCESSES": str(self.web_processes),
            "PYTHONUNBUFFERED": "1",
        }
        return {**THRIFT, **os.environ, **own}
