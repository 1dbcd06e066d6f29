"""The processes of a clinic: what runs, in which order, and how to see that it answers. Standard library only."""

import http.client
import socket
import ssl
import sys
from pathlib import Path

from ops.layout import Layout
from ops.preflight import program
from ops.process import PATIENCE_SECONDS, Part

STOP_ORDER = (("threads",), ("worker", "https"), ("web",), ("xmpp",))
"""The threads component first: it tells its rooms. The XMPP server last: it delivers that."""


def port_open(port: int) -> bool:
    """Returns whether something listens on this loopback port."""
    try:
        socket.create_connection(("127.0.0.1", port), PATIENCE_SECONDS).close()
    except OSError:
        return False
    return True


def status(connection: http.client.HTTPConnection, path: str) -> int | None:
    """Returns the status that GET gives, None if there is no answer in time. The kernel connects for a process that hangs: only an answer counts."""
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def _http(port: int, path: str, patience: float = PATIENCE_SECONDS) -> int | None:
    return status(http.client.HTTPConnection("127.0.0.1", port, timeout=patience), path)


def _https(layout: Layout, path: str, context: ssl.SSLContext, patience: float = PATIENCE_SECONDS) -> int | None:
    return status(http.client.HTTPSConnection("localhost", layout.https_port, timeout=patience, context=context), path)


def _serves_by_tls(layout: Layout) -> bool:
    try:
        context = ssl.create_default_context(cafile=layout.data / "ca" / "ca.pem")
    except OSError:
        return False
    return _https(layout, "/healthz", context) == 200


def _front_answers(layout: Layout, patience: float) -> bool:
    # The front's own answer: a web that hangs is not its fault, nor is a certificate that somebody took away.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return _https(layout, "/front-healthz", context, patience) == 204


def _always() -> bool:
    return True


def all_parts(layout: Layout, prosody_config: Path, nginx_config: Path) -> list[Part]:
    """Returns the parts in the order of their start."""
    run = layout.data / "run"

    def xmpp_listens() -> bool:
        return all(port_open(port) for port in (layout.c2s_port, layout.direct_tls_port, layout.xmpp_http_port, layout.component_port))

    def xmpp_answers(patience: float) -> bool:
        # One thread serves all its ports; on the others each question would be a line in its log.
        return _http(layout.xmpp_http_port, "/", patience) is not None

    def web_answers(patience: float = PATIENCE_SECONDS) -> bool:
        return _http(layout.base_port, "/healthz", patience) == 200

    python = sys.executable
    return [
        Part("xmpp", (program("prosody"), "-F", "--config", str(prosody_config)), xmpp_listens, answers=xmpp_answers),
        Part("web", (python, "-m", "gunicorn", "-c", "web/gunicorn.py", "wsgi:app"), web_answers, answers=web_answers),
        Part("worker", (python, "-m", "ops", "worker"), _always, mark=run / "worker.ready"),
        Part("threads", (python, "-m", "xmpp_components"), _always, needs=("xmpp",), mark=run / "threads.ready"),
        Part(
            "https",
            (program("nginx"), "-e", "stderr", "-p", f"{run}/", "-c", str(nginx_config)),
            lambda: _serves_by_tls(layout),
            needs=("web",),
            answers=lambda patience: _front_answers(layout, patience),
        ),
    ]
