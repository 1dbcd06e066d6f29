"""What must hold before anything is started: the folder, its lock, programs, ports, space. Standard library only."""

import contextlib
import errno
import fcntl
import os
import shutil
import socket
import time
from pathlib import Path

from ops.layout import LONGEST_SOCKET_PATH, Layout
from ops.problems import Problem

PROGRAMS = {"prosody": "prosody", "nginx": "nginx-light"}
OWN_FOLDERS = {"run", "secrets"}
AWKWARD = set('"\\$?%')
"""Begins a variable or ends a string in nginx's configuration, or a part of the database's address."""
LOCK_PATIENCE_SECONDS = 5.0
SEARCH_PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])


def prepare_folder(data: Path) -> None:
    """Makes the data folder, readable for its owner only. Refuses a folder that holds something else."""
    if awkward := sorted({character for character in str(data) if character in AWKWARD or not character.isprintable()}):
        raise Problem(
            f"The path {str(data)!r} holds {' '.join(map(repr, awkward))}, which the programs behind the clinic read as a command. "
            "Give --data a path without; blanks are fine."
        )
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = {entry.name for entry in data.iterdir()}
        if found and not found & OWN_FOLDERS and found != {"lost+found"}:
            raise Problem(f"{data} holds other files. Give --data an empty folder, or one that does not exist yet.")
        data.chmod(0o700)
        for name in ("run", "log", "secrets", "ca"):
            (data / name).mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        _refuse_full_disk(error, data)
        raise Problem(f"Cannot use the folder {data}: {error.strerror}. Give --data a folder that you may write to.") from error
    if len(os.fsencode(data / "run" / "doorbell-threads.sock")) > LONGEST_SOCKET_PATH:
        raise Problem(f"The path {data} is too long for local sockets. Give --data a shorter one (about 70 characters at most).")


def take_lock(data: Path) -> int:
    """Locks the data folder for this process. Returns the lock's file descriptor: it holds until all its copies are closed.

    Whoever has the lock owns ready.json: what one that crashed left there is removed.
    """
    path = data / "run" / "supervisor.lock"
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        _refuse_full_disk(error, data)
        raise Problem(f"Cannot open {path}: {error.strerror}. Give --data a folder that you may write to.") from error
    deadline = time.monotonic() + LOCK_PATIENCE_SECONDS
    while True:
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        holder = path.read_text().strip()
        if _alive(holder) or time.monotonic() > deadline:
            os.close(descriptor)
            raise Problem(
                f"A clinic is already running on {data} (process {holder or 'unknown'}). Stop it first (Ctrl-C in its window), or give --data another folder."
            )
        # The one before was killed and its watchdog still clears up.
        time.sleep(0.05)
    try:
        os.truncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        (data / "ready.json").unlink(missing_ok=True)
    except OSError as error:
        os.close(descriptor)
        _refuse_full_disk(error, data)
        raise
    return descriptor


def is_locked(data: Path) -> bool:
    """Returns whether a clinic runs on this data folder, or one that was killed is still being cleared up."""
    try:
        descriptor = os.open(data / "run" / "supervisor.lock", os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _refuse_full_disk(error: OSError, data: Path) -> None:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        raise Problem(f"The disk that holds {data} is full. Free some space, then start again.") from error


def _alive(pid: str) -> bool:
    return pid.isdigit() and Path("/proc", pid).exists()


def check_programs() -> None:
    """Raises Problem if a server program is not installed."""
    for program, package in PROGRAMS.items():
        if not shutil.which(program, path=SEARCH_PATH):
            raise Problem(f"The program {program} is missing. Run `make setup`, or install Debian's package {package}.")


def program(name: str) -> str:
    """Returns the path of a server program; Debian keeps nginx where an ordinary user's PATH does not look."""
    return shutil.which(name, path=SEARCH_PATH) or name


def check_space(data: Path) -> None:
    """Raises Problem if the disk is nearly full: a clinic that cannot write acknowledges nothing."""
    least = int(os.environ.get("BEDSIDE_MINIMUM_FREE_MB", "100"))
    free = shutil.disk_usage(data).free // 1_000_000
    if free < least:
        raise Problem(f"Only {free} MB are free on the disk that holds {data}; a start needs {least} MB. Free some space, then start again.")


def check_ports(layout: Layout) -> None:
    """Raises Problem naming every port that another program holds."""
    if not 1024 <= layout.base_port <= 65535 - len(layout.ports):
        raise Problem(f"--base-port must be from 1024 to {65535 - len(layout.ports)}.")
    taken = [f"{port} ({purpose})" for port, purpose in layout.ports.items() if not all(_free(host, port) for host in layout.outside_hosts)]
    if taken:
        raise Problem(
            f"Another program already uses port {', '.join(taken)}. Stop it, or choose another range with --base-port "
            f"(this clinic needs the {len(layout.ports)} ports from that number on)."
        )


def _free(host: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return False
            raise Problem(f"Cannot listen on {host}, port {port}: {error.strerror}. Give --host an address of this machine.") from error
    return True
