"""The processes of a clinic: what runs, in which order, and how to see that it answers. Standard library and `ops.layout`."""

import sys
from pathlib import Path

from ops.layout import Layout
from ops.preflight import program
from ops.probes import Answers, AnswersByTls, Listens
from ops.process import Part


def all_parts(layout: Layout, prosody_config: Path, nginx_config: Path) -> tuple[Part, ...]:
    """Returns the parts in the order of their start."""
    run, python = layout.data / "run", sys.executable
    xmpp_ports = (layout.c2s_port, layout.direct_tls_port, layout.xmpp_http_port, layout.component_port)
    web_answers = Answers(layout.base_port, "/healthz", 200)
    return (
        Part(
            "xmpp",
            (program("prosody"), "-F", "--config", str(prosody_config)),
            Listens(xmpp_ports),
            # One thread serves all its ports; on the others each question would be a line in its log.
            answers=Answers(layout.xmpp_http_port, "/"),
        ),
        Part("web", (python, "-m", "gunicorn", "-c", "web/gunicorn.py", "wsgi:app"), web_answers, answers=web_answers),
        Part("worker", (python, "-m", "ops", "worker"), mark=run / "worker.ready"),
        *(
            Part(name, (python, "-m", "xmpp_components", str(number)), needs=("xmpp",), mark=run / f"{name}.ready")
            for number, name in enumerate(layout.component_names, 1)
        ),
        Part(
            "https",
            (program("nginx"), "-e", "stderr", "-p", f"{run}/", "-c", str(nginx_config)),
            AnswersByTls(layout.https_port, "/healthz", 200, layout.data / "ca" / "ca.pem"),
            needs=("web",),
            # The front's own answer: a web that hangs is not its fault, nor is a certificate that somebody took away.
            answers=AnswersByTls(layout.https_port, "/front-healthz", 204),
        ),
    )
