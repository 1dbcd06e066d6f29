"""The real XMPP server with Bedside's own configuration and modules, on free loopback ports."""

import subprocess
from pathlib import Path
from types import TracebackType

from clinic.config import component_keys
from ops import certificates, configurations, keys, preflight
from ops.layout import Layout
from ops.probes import port_open
from ops.process import STOP_SECONDS
from tests.support.clinic import START_SECONDS
from tests.support.ports import eventually, free_base_port
from tests.support.raw_xmpp import Client, Component


class Prosody:
    """One server in `data`; its password checks go to the layout's base port (or `web_url`). `components`: how many processes serve the threads."""

    def __init__(self, data: Path, web_url: str | None = None, components: int = 1, database_url: str = ""):
        self.layout = Layout(data, free_base_port(), components=components, database_url=database_url)
        preflight.prepare_folder(data)
        self.secrets = keys.ensure(data / "secrets")
        certificates.ensure(data / "ca", self.layout.domain, self.layout.certificate_names)
        self.config = configurations.prosody(self.layout, self.secrets, web_url)
        self.ca = data / "ca" / "ca.pem"
        self.log = data / "log" / "xmpp.log"
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "Prosody":
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                [preflight.program("prosody"), "-F", "--config", str(self.config)], stdout=output, stderr=subprocess.STDOUT
            )
        layout = self.layout
        for port in (layout.c2s_port, layout.direct_tls_port, layout.xmpp_http_port, layout.component_port):
            eventually(lambda port=port: port_open(port), START_SECONDS, f"Prosody's port {port}")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self.process:
            self.process.terminate()
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                # Prosody 0.12.3 takes the signal in the middle of whatever it does. If that is the end of a session, its own
                # stopping fails with a traceback and it stays: it is ended as the supervisor does it.
                self.process.kill()
                self.process.wait()

    def client(self) -> Client:
        """Returns a client that is connected, not logged in."""
        return Client(self.layout.direct_tls_port, self.ca)

    def component(self, number: int = 1) -> Component:
        """Returns the connected threads component, or one process of it."""
        keys = component_keys(self.secrets["component_secret"], self.layout.components)
        return Component(self.layout.component_port, self.layout.threads_domain, keys[number - 1])
