"""Ends every process group of a supervisor that is gone, however it went: reads `+PGID` and `-PGID` lines until end of file.

Standard library only; runs with `python -I -S` in a session of its own. The kernel ends a supervisor's children (launch.py), but not their
children: workers of the web server and of the TLS front would stay and hold the ports.
"""

import contextlib
import os
import signal
import sys


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
    for group in groups:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, signal.SIGKILL)


main()
