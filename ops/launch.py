"""Becomes the given command, after arranging that it dies with the supervisor: `launch.py SUPERVISOR_PID COMMAND …`.

Standard library only; runs with `python -I -S`. A script of its own rather than a `preexec_fn`, which may deadlock.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Asks the kernel for SIGKILL at the supervisor's death, and executes the command."""
    supervisor, command = int(sys.argv[1]), sys.argv[2:]
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL) != 0:
        raise OSError(ctypes.get_errno(), "The kernel does not offer PR_SET_PDEATHSIG.")
    if os.getppid() != supervisor:
        # It died before the request: nobody would ever end this process.
        sys.exit(1)
    os.execvp(command[0], command)


main()
