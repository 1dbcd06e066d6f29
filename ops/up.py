"""`bedside up`: prepares the data folder and becomes the supervisor. May import `clinic` through ops.demo and ops.database."""

import os
import shlex
from importlib.metadata import version
from typing import Any

from ops import certificates, configurations, database, demo, deployment, first_run, keys, names, preflight
from ops.layout import Layout
from ops.parts import all_parts
from ops.supervise import become
from ops.supervisor import Plan

Demonstration = dict[str, dict[str, Any]]
"""Accounts and threads of the made-up people, by name."""


def describe(layout: Layout, demonstration: Demonstration | None) -> dict[str, object]:
    """Returns what ready.json says beside the process ids."""
    shown = demonstration or {"accounts": {}, "threads": {}}
    return {
        "web": layout.public_url,
        "https": layout.https_url,
        "domain": layout.domain,
        "xmpp": {
            "host": "127.0.0.1",
            "port": layout.c2s_port,
            "direct_tls_port": layout.direct_tls_port,
            "websocket": layout.websocket_url,
            "threads": layout.threads_domain,
        },
        "ca": str(layout.data / "ca" / "ca.pem"),
        "version": version("bedside"),
        **shown,
    }


def up(layout: Layout, *, with_demo: bool) -> None:
    """Runs the clinic in the foreground until a signal. Raises Problem with words for the console."""
    names.check_host(layout.host)
    names.check_domain(layout.domain)
    if layout.database_url:
        database.check_url(layout.database_url)
    os.umask(0o077)
    preflight.prepare_folder(layout.data)
    lock = preflight.take_lock(layout.data)
    was_told = bool(layout.database_url)
    layout = deployment.carry_on(layout)
    preflight.check_programs()
    preflight.check_space(layout.data)
    preflight.check_ports(layout)
    secrets = keys.ensure(layout.data / "secrets")
    certificates.ensure(layout.data / "ca", layout.domain, layout.certificate_names)
    parts = all_parts(layout, configurations.prosody(layout, secrets), configurations.nginx(layout))
    demonstration, links = prepare_database(layout, with_demo=with_demo)
    first = [f"Starting the clinic in {layout.data} …"]
    if layout.database_url and not was_told:
        first.append(f"Its data is in {database.shown(layout.database)}, as at the last start.")
    plan = Plan(
        data=layout.data,
        environment=layout.environment(),
        parts=parts,
        described=describe(layout, demonstration),
        first=tuple(first),
        welcome=welcome(layout, demonstration, links),
    )
    become(plan, lock)


def prepare_database(layout: Layout, *, with_demo: bool) -> tuple[Demonstration | None, list[str]]:
    """Migrates, seeds the demonstration. Returns what that made, and the one-time links of an empty clinic."""
    database.migrate(layout.database)
    # Not before: a start that failed on a wrong address may be repeated with the right one.
    deployment.remember(layout)
    if with_demo:
        return demo.read_state(demo.seed(layout)), []
    return None, first_run.links(layout)


def welcome(layout: Layout, demonstration: Demonstration | None, links: list[str]) -> str:
    """Returns the words at the end of a start: where to go and who can log in."""
    lines = ["", f"    Open {layout.public_url} in a browser on this machine."]
    lines.append(f"    By TLS: {layout.https_url} (trust {layout.data / 'ca' / 'ca.pem'} first).")
    lines.append(f"    XMPP clients: server 127.0.0.1, port {layout.c2s_port} (STARTTLS) or {layout.direct_tls_port} (TLS).")
    if demonstration:
        lines += ["", "    Demonstration accounts (made-up people):"]
        for name, account in demonstration["accounts"].items():
            lines.append(f"    {name:<6} {account['role']:<13} {account['email']:<24} password {account['password']}")
    if links:
        lines += ["", "    This clinic is empty. Set it up with this link; it works once, for 30 minutes:", *(f"    {link}" for link in links)]
        lines.append(f"    Another one, while the clinic runs: bedside account set-up --data {shlex.quote(str(layout.data))}")
    lines += ["", "    Ctrl-C stops the clinic.", ""]
    return "\n".join(lines)
