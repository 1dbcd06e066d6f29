"""A supervisor over two harmless processes that have children of their own: `python -m tests.support.small_clinic DATA`."""

import os
import socket
import sys
from pathlib import Path

from ops import preflight, process, supervisor
from ops.layout import Layout
from ops.process import Part

CODE = """
import pathlib, socket, subprocess, sys
subprocess.Popen(["sleep", "1000"])
if {broken}:
    sys.exit(3)
door = socket.socket(socket.AF_UNIX)
pathlib.Path({door!r}).unlink(missing_ok=True)
door.bind({door!r})
door.listen()
pathlib.Path({mark!r}).touch()
while True:
    one, _ = door.accept()
    one.send(b"here")
    one.close()
"""


def asked(door: Path, patience: float) -> bool:
    """Returns whether the process behind a socket says something in time."""
    try:
        with socket.socket(socket.AF_UNIX) as one:
            one.settimeout(patience)
            one.connect(str(door))
            return one.recv(10) == b"here"
    except OSError:
        return False


def be_impatient() -> None:
    """Takes a second of silence for a minute."""
    supervisor.IDLE_SECONDS = 0.1
    process.ASK_SECONDS, process.SILENT_SECONDS = 0.1, 1.0
    process.PATIENCE_SECONDS, process.LAST_PATIENCE_SECONDS = 0.2, 0.5


def main(data: Path, *modes: str) -> int:
    """Runs until a signal. `modes`: names of parts that end at once; `impatient`."""
    os.umask(0o077)
    layout = Layout(data, 20000)
    preflight.prepare_folder(data)
    lock = preflight.take_lock(data)
    if "impatient" in modes:
        be_impatient()

    def part(name: str, *needs: str) -> Part:
        mark, door = (data / "run" / f"{name}.{end}" for end in ("ready", "door"))
        code = CODE.format(broken=name in modes, mark=str(mark), door=str(door))
        return Part(name, (sys.executable, "-c", code), lambda: True, needs=needs, mark=mark, answers=lambda patience: asked(door, patience))

    parts = (part("xmpp"), part("threads", "xmpp"))
    return supervisor.Supervisor(supervisor.Plan(data, layout.environment(), parts, {"web": layout.public_url}), lock).run()


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), *sys.argv[2:]))
