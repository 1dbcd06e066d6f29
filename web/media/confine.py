"""Takes from a process what reading a file does not need: network, files, other programs, memory, time. Imports pyseccomp.

Two walls, as far as the machine has them: namespaces of its own (a network with nothing in it), which some containers do not allow, and a list of
the few system calls that are let through, without which nothing is read at all.
"""

from __future__ import annotations

import ctypes
import errno
import os
import resource
from collections.abc import Callable, Sequence

import pyseccomp

MEMORY_BYTES = 512 * 1024 * 1024
CPU_SECONDS = 10
OPEN_FILES = 8
_NEWUSER, _NEWNET, _NEWIPC = 0x10000000, 0x40000000, 0x08000000
# What is left: memory, the socket that is open already, time, and the end. No call that makes a file, a socket or a process, or names one of them.
CALLS = (
    "read readv write writev recvfrom recvmsg sendto sendmsg poll ppoll select pselect6 close lseek fstat shutdown "
    "mmap munmap mremap mprotect madvise brk futex sched_yield sched_getaffinity getcpu membarrier rseq set_robust_list "
    "clock_gettime clock_getres clock_nanosleep nanosleep gettimeofday time times getrusage sysinfo getpid gettid getuid geteuid getgid getegid "
    "getrandom rt_sigaction rt_sigprocmask rt_sigreturn sigaltstack restart_syscall exit exit_group"
).split()


def without_network() -> bool:
    """Move this process, and those that it starts, into namespaces of its own. Returns: whether the machine lets it."""
    return bool(ctypes.CDLL(None).unshare(_NEWUSER | _NEWNET | _NEWIPC) == 0)


def confine() -> None:
    """Leave this process nothing but its memory and the descriptors that are open. For good. Raises: OSError where the machine has no seccomp."""
    for limit, most in (
        (resource.RLIMIT_AS, MEMORY_BYTES), (resource.RLIMIT_CPU, CPU_SECONDS), (resource.RLIMIT_NOFILE, OPEN_FILES),
        (resource.RLIMIT_FSIZE, 0), (resource.RLIMIT_CORE, 0), (resource.RLIMIT_NPROC, 0),
    ):
        resource.setrlimit(limit, (most, most))
    calls = pyseccomp.SyscallFilter(pyseccomp.ERRNO(errno.EPERM))
    for name in CALLS:
        if pyseccomp.resolve_syscall(pyseccomp.system_arch(), name) >= 0:  # some machines' processors have no `time`, no `poll`
            calls.add_rule(pyseccomp.ALLOW, name)
    calls.load()


def unable(calls: Sequence[str]) -> None:
    """Leave this process everything but `calls` (names of system calls), for good. Raises: OSError where the machine has no seccomp."""
    refused = pyseccomp.SyscallFilter(pyseccomp.ALLOW)
    for name in calls:
        if pyseccomp.resolve_syscall(pyseccomp.system_arch(), name) >= 0:
            refused.add_rule(pyseccomp.ERRNO(errno.EPERM), name)
    refused.load()


def proof() -> dict[str, str]:
    """Try what must not be possible any more. Returns: for each thing that was tried how it was refused, "" where it was not."""
    import socket
    from pathlib import Path

    tries: dict[str, Callable[[], object]] = {
        "network": lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM),
        "local sockets": lambda: socket.socketpair(),
        "reading files": lambda: Path("/etc/passwd").read_bytes(),
        "writing files": lambda: Path("/tmp/bedside-proof").write_bytes(b""),
        "listing folders": lambda: os.listdir("/"),  # noqa: PTH208 (what is tried is the call itself)
        "programs": lambda: os.execv("/bin/true", ["true"]),
        "processes": os.fork,
        "signals": lambda: os.kill(os.getppid(), 0),
        "memory": lambda: bytearray(MEMORY_BYTES),
        "more memory": lambda: resource.setrlimit(resource.RLIMIT_AS, (-1, -1)),
    }
    said = {}
    for name, attempt in tries.items():
        try:
            attempt()
        except (OSError, MemoryError, ValueError) as error:
            said[name] = type(error).__name__
        else:
            said[name] = ""
    return said
