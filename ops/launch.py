"""Becomes the given command, after arranging that it dies with the supervisor and may open many files: `launch.py SUPERVISOR_PID COMMAND …`.

Standard library only; runs with `python -I -S`. A script of its own rather than a `preexec_fn`, which may deadlock.
"""

import ctypes
import os
import resource
import signal
import sys

PR_SET_PDEATHSIG = 1
FILES = 65536
"""Each connection is an open file; shells and systemd begin with 1,024 of them, for old programs that this clinic has none of."""


def main() -> None:
    """Asks the kernel for SIGKILL at the supervisor's death and for more open files, and executes the command."""
    supervisor, command = int(sys.argv[1]), sys.argv[2:]
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL) != 0:
        raise OSError(ctypes.get_errno(), "The kernel does not offer PR_SET_PDEATHSIG.")
    if os.getppid() != supervisor:
        # It died before the request: nobody would ever end this process.
        sys.exit(1)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    os.execvp(command[0], command)


main()
