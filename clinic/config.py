"""Where this clinic keeps its state and how its parts reach each other, read from the environment.

Owns Addresses, Config, component_keys, is_this_machine. Imports the standard library only. `bedside up` sets the variables and writes the
secrets; every process reads them here, so that a port or a path is derived in one place.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

VERSION = "0.1.0"
MOST_COMPONENTS = 16
PAYMENTS_NAME = "payments.json"
# What one person may post by XMPP for ever, and how much at once; load tests raise both.
POSTS_PER_SECOND, POSTS_BURST = 10.0, 100.0


def is_this_machine(host: str) -> bool:
    """Say whether `host`, a name or an address (bare or in brackets), names the machine itself: nobody else can use it."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def component_keys(secret: str, components: int) -> tuple[str, ...]:
    """Return what each process of the threads component is known by to the XMPP server, in order: one alone by `secret` itself.

    A process of another start, when there were more or fewer of them, is known by nothing.
    """
    if components == 1:
        return (secret,)
    names = (f"threads {number} of {components}" for number in range(1, components + 1))
    return tuple(hmac.new(bytes.fromhex(secret), name.encode(), hashlib.sha256).hexdigest() for name in names)


class Addresses:
    """What is derived from a clinic's domain, base port and number of processes, for who starts it and who runs in it."""

    __slots__ = ()
    domain: str
    base_port: int
    components: int

    @property
    def threads_domain(self) -> str:
        """The XMPP domain whose addresses are threads and feeds."""
        return f"threads.{self.domain}"

    @property
    def component_names(self) -> tuple[str, ...]:
        """Names of the processes that serve the threads: of their logs, their marks in the run folder, their doorbells."""
        return ("threads",) if self.components == 1 else tuple(f"threads-{number + 1}" for number in range(self.components))

    @property
    def https_port(self) -> int:
        """Port of the TLS front; plain http is on the base port itself."""
        return self.base_port + 1

    @property
    def c2s_port(self) -> int:
        """Port of XMPP with STARTTLS."""
        return self.base_port + 2

    @property
    def direct_tls_port(self) -> int:
        """Port of XMPP inside TLS from the first byte."""
        return self.base_port + 3

    @property
    def xmpp_http_port(self) -> int:
        """Loopback port of the XMPP server's WebSocket."""
        return self.base_port + 4

    @property
    def component_port(self) -> int:
        """Loopback port for the threads component."""
        return self.base_port + 5


@dataclass(frozen=True, slots=True)
class Config(Addresses):
    """One clinic's deployment. Ports are offsets from `base_port`; secrets are hexadecimal strings of 32 bytes.

    `component` is which of the `components` processes of the threads component this one is, from 1 on; of no meaning elsewhere.
    `files_url`: where the content of files is kept, "" for below `data`. `clamd`: where ClamAV's daemon listens on this machine, "" for none.
    """

    data: Path
    database_url: str
    domain: str
    base_port: int
    host: str
    public_url: str
    https_url: str
    pepper: bytes = field(repr=False)
    flask_key: str = field(repr=False)
    component_secret: str = field(repr=False)
    internal_token: str = field(repr=False)
    posts_per_second: float = POSTS_PER_SECOND
    posts_burst: float = POSTS_BURST
    components: int = 1
    component: int = 1
    secrets_dir: Path | None = None
    files_key: bytes = field(default=b"", repr=False)
    files_url: str = ""
    clamd: str = ""

    @property
    def payments_file(self) -> Path:
        """The keys of whoever takes payments; absent where nobody does."""
        return (self.secrets_dir or self.data / "secrets") / PAYMENTS_NAME

    @property
    def run_dir(self) -> Path:
        """Sockets, locks and ready marks of the running processes."""
        return self.data / "run"

    @property
    def uploads_dir(self) -> Path:
        """Files on their way in, encrypted."""
        return self.data / "uploads"

    @property
    def files_dir(self) -> Path:
        """Files that are kept, encrypted, where they are not kept elsewhere."""
        return self.data / "files"

    @property
    def shared_url(self) -> str:
        """The page's address for a link that somebody else opens: where the clinic serves a network, the one there."""
        return self.public_url if is_this_machine(self.host) else self.https_url

    @property
    def component_key(self) -> str:
        """What this process of the threads component is known by to the XMPP server."""
        return component_keys(self.component_secret, self.components)[self.component - 1]

    @property
    def component_name(self) -> str:
        """Name of this process, where it is one of the threads component's."""
        return self.component_names[self.component - 1]

    @classmethod
    def from_environ(cls, environ: Mapping[str, str] | None = None) -> Config:
        """Read the deployment from `environ` (the process's own when absent).

        Raises: SystemExit with words when a variable or a secret's file is missing or damaged.
        """
        env = os.environ if environ is None else environ
        try:
            data = Path(env["BEDSIDE_DATA"]).absolute()
        except KeyError:
            raise SystemExit("BEDSIDE_DATA is not set: start the clinic with `bedside up --data DIR`.") from None
        secrets = Path(env.get("BEDSIDE_SECRETS", str(data / "secrets")))
        base_port = int(env.get("BEDSIDE_BASE_PORT", "8600"))
        components = env.get("BEDSIDE_COMPONENTS", "1")
        if components not in map(str, range(1, MOST_COMPONENTS + 1)):
            raise SystemExit(f"BEDSIDE_COMPONENTS is {components!r}: give a number from 1 to {MOST_COMPONENTS}.")
        return cls(
            data=data,
            database_url=env.get("BEDSIDE_DATABASE_URL", f"sqlite:///{data / 'clinic.sqlite3'}"),
            domain=env.get("BEDSIDE_DOMAIN", "localhost"),
            base_port=base_port,
            host=env.get("BEDSIDE_HOST", "127.0.0.1"),
            public_url=env.get("BEDSIDE_PUBLIC_URL", f"http://localhost:{base_port}"),
            https_url=env.get("BEDSIDE_HTTPS_URL", f"https://localhost:{base_port + 1}"),
            pepper=bytes.fromhex(_secret(secrets, "pepper")),
            flask_key=_secret(secrets, "flask_key"),
            component_secret=_secret(secrets, "component_secret"),
            internal_token=_secret(secrets, "internal_token"),
            posts_per_second=float(env.get("BEDSIDE_POSTS_PER_SECOND", POSTS_PER_SECOND)),
            posts_burst=float(env.get("BEDSIDE_POSTS_BURST", POSTS_BURST)),
            components=int(components),
            secrets_dir=secrets,
            files_key=bytes.fromhex(_secret(secrets, "files_key")),
            files_url=env.get("BEDSIDE_FILES_URL", ""),
            clamd=env.get("BEDSIDE_CLAMD", ""),
        )


def _secret(folder: Path, name: str) -> str:
    try:
        found = (folder / name).read_text(encoding="ascii", errors="replace").strip()
    except OSError as error:
        raise SystemExit(
            f"The secret {folder / name} cannot be read ({error.strerror}): `bedside up --data DIR` makes it."
        ) from None
    if not re.fullmatch(r"[0-9a-fA-F]{64}", found):
        raise SystemExit(f"The secret {folder / name} is not 64 hexadecimal digits: restore it from a backup.")
    return found
