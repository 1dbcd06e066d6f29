"""A whole clinic, started as a person starts it: `bedside up` on free ports, stopped at the end."""

import json
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.support.databases import DATABASES
from tests.support.ports import eventually, free_base_port
from tests.support.raw_xmpp import Client

START_SECONDS = 60
STOP_SECONDS = 30


class RunningClinic:
    """One clinic in `data`. `ready` is what ready.json says."""

    def __init__(self, data: Path, *arguments: str, base_port: int | None = None):
        self.data = data
        self.base_port = base_port or free_base_port()
        self.output = data.with_name(f"{data.name}.out")
        self.arguments = arguments
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "RunningClinic":
        command = [sys.executable, "-m", "ops", "up", "--data", str(self.data), "--base-port", str(self.base_port), *self.arguments]
        if "--database-url" not in self.arguments:
            command += DATABASES.arguments(self.data)
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
        eventually(lambda: self.ready_or_none() or self.process.poll() is not None, START_SECONDS, "ready.json")
        assert self.process.poll() is None, self.said()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """Where its data is."""
        if "--database-url" in self.arguments:
            return self.arguments[self.arguments.index("--database-url") + 1]
        return DATABASES.empty(self.data)

    def stop(self) -> int | None:
        """Ends it with SIGTERM. Returns its exit code."""
        if self.process and self.process.poll() is None:
            self.process.terminate()
        return self.process.wait(STOP_SECONDS) if self.process else None

    def said(self) -> str:
        """Returns what the console showed."""
        return self.output.read_text()

    def ready_or_none(self) -> dict[str, Any] | None:
        """Returns what ready.json says now."""
        try:
            return json.loads((self.data / "ready.json").read_text())
        except FileNotFoundError:
            return None

    @property
    def ready(self) -> dict[str, Any]:
        """Returns what ready.json says; it must be there."""
        found = self.ready_or_none()
        assert found, self.said()
        return found

    def xmpp(self, name: str, resource: str = "test") -> Client:
        """Returns a made-up person's connected XMPP client."""
        account = self.ready["accounts"][name]
        client = Client(self.ready["xmpp"]["direct_tls_port"], Path(self.ready["ca"]))
        return client.log_in(account["jid"].partition("@")[0], account["device_password"], resource)
