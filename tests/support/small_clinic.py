"""A supervisor over two harmless processes that have children of their own: `python -m tests.support.small_clinic DATA`."""

import os
import sys
from pathlib import Path

from ops import preflight
from ops.layout import Layout
from ops.process import Part
from ops.supervisor import Supervisor

CODE = """
import pathlib, subprocess, sys, time
subprocess.Popen(["sleep", "1000"])
if {broken}:
    sys.exit(3)
pathlib.Path({mark!r}).touch()
time.sleep(1000)
"""


def main(data: Path, *broken: str) -> int:
    """Runs until a signal. `broken` names parts that end at once."""
    os.umask(0o077)
    layout = Layout(data, 20000)
    preflight.prepare_folder(data)
    lock = preflight.take_lock(data)

    def part(name: str, *needs: str) -> Part:
        mark = data / "run" / f"{name}.ready"
        code = CODE.format(broken=name in broken, mark=str(mark))
        return Part(name, (sys.executable, "-c", code), lambda: True, needs=needs, mark=mark)

    supervisor = Supervisor(layout, [part("xmpp"), part("threads", "xmpp")], lock, lambda: {"web": layout.public_url}, lambda: None)
    return supervisor.run()


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), *sys.argv[2:]))
