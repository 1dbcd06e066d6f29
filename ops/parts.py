"""The processes of a clinic: what runs, in which order, and how to see that it answers. Standard library only."""

import http.client
import socket
import ssl
import sys
from pathlib import Path

from ops.layout import Layout
from ops.preflight import program
from ops.process import Part

STOP_ORDER = (("threads",), ("worker", "https"), ("web",), ("xmpp",))
"""The threads component first: it tells its rooms. The XMPP server last: it delivers that."""
PATIENCE_SECONDS = 1.0


def port_open(port: int) -> bool:
    """Returns whether something listens on this loopback port."""
    try:
        socket.create_connection(("127.0.0.1", port), PATIENCE_SECONDS).close()
    except OSError:
        return False
    return True


def answers(connection: http.client.HTTPConnection) -> bool:
    """Returns whether GET /healthz gives 200."""
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _https_answers(layout: Layout) -> bool:
    context = ssl.create_default_context(cafile=layout.data / "ca" / "ca.pem")
    return answers(http.client.HTTPSConnection("localhost", layout.https_port, timeout=PATIENCE_SECONDS, context=context))


def _always() -> bool:
    return True


def all_parts(layout: Layout, prosody_config: Path, nginx_config: Path) -> list[Part]:
    """Returns the parts in the order of their start."""
    run = layout.data / "run"

    def xmpp_listens() -> bool:
        return all(port_open(port) for port in (layout.c2s_port, layout.direct_tls_port, layout.xmpp_http_port, layout.component_port))

    def web_answers() -> bool:
        return answers(http.client.HTTPConnection("127.0.0.1", layout.base_port, timeout=PATIENCE_SECONDS))

    python = sys.executable
    return [
        Part("xmpp", (program("prosody"), "-F", "--config", str(prosody_config)), xmpp_listens),
        Part("web", (python, "-m", "gunicorn", "-c", "web/gunicorn.py", "wsgi:app"), web_answers),
        Part("worker", (python, "-m", "ops", "worker"), _always, mark=run / "worker.ready"),
        Part("threads", (python, "-m", "xmpp_components"), _always, needs=("xmpp",), mark=run / "threads.ready"),
        Part(
            "https",
            (program("nginx"), "-e", "stderr", "-p", f"{run}/", "-c", str(nginx_config)),
            lambda: _https_answers(layout),
            needs=("web",),
        ),
    ]
