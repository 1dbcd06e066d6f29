"""Writes the configurations of the XMPP server and the TLS front from their templates. Imports clinic.config."""

import json
import os
from pathlib import Path
from string import Template

from clinic.config import component_keys
from ops import PROJECT
from ops.keys import write_private
from ops.layout import Layout, bracketed

PROSODY = PROJECT / "xmpp_components" / "prosody"
NGINX_TEMPLATE = Path(__file__).with_name("nginx.conf.template")
TOO_LARGE = ("http-413", "That is too much at once", "What was sent is larger than the server takes. Go back, and shorten it or send it in parts.")
BUSY = ("busy", "Just now it does not work", "The clinic's server is starting again. Try again in a few seconds; what you typed is kept.")
"""What the TLS front says by itself: code, heading, words."""


def lua(text: str | Path) -> str:
    """Returns a Lua string literal."""
    escaped = str(text).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def prosody(layout: Layout, secrets: dict[str, str], web_url: str | None = None) -> Path:
    """Writes the XMPP server's configuration (it holds secrets: 0600). Returns its path."""
    authority = layout.data / "ca"
    template = Template((PROSODY / "prosody.cfg.lua.template").read_text())
    text = template.substitute(
        pidfile=lua(layout.folder("run") / "prosody.pid"),
        data_path=lua(layout.folder("prosody")),
        plugin_path=lua(PROSODY / "modules"),
        interfaces=", ".join(lua(host) for host in layout.outside_hosts),
        c2s_port=layout.c2s_port,
        direct_tls_port=layout.direct_tls_port,
        http_port=layout.xmpp_http_port,
        component_port=layout.component_port,
        certificates=lua(authority),
        certificate=lua(authority / "server.pem"),
        key=lua(authority / "server.key"),
        domain=lua(layout.domain),
        threads_domain=lua(layout.threads_domain),
        web_url=lua(web_url or f"http://127.0.0.1:{layout.base_port}"),
        internal_token=lua(secrets["internal_token"]),
        component_secret=lua(secrets["component_secret"]),
        split_secrets=", ".join(lua(key) for key in component_keys(secrets["component_secret"], layout.components) if layout.components > 1),
        origins=", ".join(lua(origin) for origin in layout.origins),
    )
    path = layout.folder("run") / "prosody.cfg.lua"
    write_private(path, text)
    return path


def quoted(text: str | Path) -> str:
    """Returns a string of nginx's configuration. A dollar sign begins a variable there, quoted or not: it must not occur."""
    escaped = str(text).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _page(code: str, heading: str, words: str) -> str:
    """Returns a page whose middle fits into the application's own."""
    head = f"<meta charset=utf-8><meta name=viewport content='width=device-width'><meta name=color-scheme content='light dark'><title>{heading}</title>"
    middle = f"<div class='page narrow'><header><h1>{heading}</h1></header><div class=card><p>{words}</p></div></div>"
    return f'<!doctype html><html lang=en dir=ltr><head>{head}</head><body><main id="main">{middle}</main></body></html>'


def _json(code: str, heading: str, words: str) -> str:
    return json.dumps({"ok": False, "code": code, "field": None, "text": words})


def nginx(layout: Layout) -> Path:
    """Writes the TLS front's configuration. Returns its path."""
    authority = layout.data / "ca"
    listens = [f"listen {bracketed(host)}:{layout.https_port} ssl;" for host in layout.outside_hosts]
    text = Template(NGINX_TEMPLATE.read_text()).substitute(
        run=layout.folder("run"),
        user_line="user root;" if os.geteuid() == 0 else "",
        certificate=authority / "server.pem",
        key=authority / "server.key",
        listens=" ".join(listens),
        xmpp_http_port=layout.xmpp_http_port,
        domain=layout.domain,
        too_large_page=quoted(_page(*TOO_LARGE)),
        too_large_json=quoted(_json(*TOO_LARGE)),
        busy_page=quoted(_page(*BUSY)),
        busy_json=quoted(_json(*BUSY)),
    )
    path = layout.folder("run") / "nginx.conf"
    write_private(path, text)
    return path
