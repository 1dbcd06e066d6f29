"""Ends every process group of a supervisor that is gone, however it went: `watchdog.py READY_FILE` reads `+PGID` and `-PGID` lines until end of file.

Standard library only; runs with `python -I -S` in a session of its own. The kernel ends a supervisor's children (launch.py), but not their
children: workers of the web server and of the TLS front would stay and hold the ports. READY_FILE goes too: it says that the clinic runs. The
watchdog inherits the data folder's lock, so that a next supervisor waits until all is cleared up.
"""

import contextlib
import os
import signal
import sys
import time
from pathlib import Path

PATIENCE_SECONDS = 3.0


def gone(group: int) -> bool:
    """Returns whether no process of this group is left."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return True
    return False


def main() -> None:
    """Follows the supervisor's list; at its end kills what is still on it."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    groups: set[int] = set()
    for line in sys.stdin:
        group = int(line[1:])
        if line[0] == "+":
            groups.add(group)
        else:
            groups.discard(group)
    with contextlib.suppress(OSError):
        Path(sys.argv[1]).unlink()
    for group in groups:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, signal.SIGKILL)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while groups and time.monotonic() < deadline:
        groups = {group for group in groups if not gone(group)}
        time.sleep(0.01)


main()
