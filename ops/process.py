"""One child process of the supervisor: start, health, end, restart with backoff. Standard library only.

A process that lives but has not answered for SILENT_SECONDS is ended, so that it is started again. Neither a database that somebody
holds for half a minute nor a busy machine takes that long. A part whose only sign is its mark (worker, threads) is not asked.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ops import PROJECT
from ops.probes import PATIENCE_SECONDS, always

LAUNCHER = Path(__file__).with_name("launch.py")
FIRST_DELAY_SECONDS = 0.25
LONGEST_DELAY_SECONDS = 10.0
STOP_SECONDS = 4.0
LAST_PATIENCE_SECONDS = 5.0
"""For the answer that saves a process: on a busy machine it may come late."""
ASK_SECONDS = 15.0
SILENT_SECONDS = 60.0
SILENT_ASKS = 4
"""Between two questions the whole machine may have stood still: time alone proves nothing."""
LOG_BYTES = 5_000_000
LOGS_KEPT = 3


def rotate(path: Path) -> None:
    """Puts a log that grew large aside as NAME.1, older ones as NAME.2 …"""
    if not path.exists() or path.stat().st_size < LOG_BYTES:
        return
    for number in range(LOGS_KEPT, 0, -1):
        older = path.with_name(f"{path.name}.{number - 1}") if number > 1 else path
        if older.exists():
            older.replace(path.with_name(f"{path.name}.{number}"))


@dataclass(frozen=True)
class Part:
    """What to run. `healthy` says whether its start is over, within about a second; `mark` is a file that it makes itself once it is ready.

    `answers` says whether it still answers later, within the seconds that it is given.
    """

    name: str
    command: tuple[str, ...]
    healthy: Callable[[], bool] = always
    needs: tuple[str, ...] = ()
    mark: Path | None = None
    answers: Callable[[float], bool] = always


@dataclass
class Process:
    """The running copy of one part. All methods belong to the supervisor's main thread (PR_SET_PDEATHSIG is per thread)."""

    part: Part
    environment: dict[str, str]
    log: Path
    say: Callable[[str], None]
    grouped: Callable[[str], None]
    popen: subprocess.Popen[bytes] | None = None
    is_healthy: bool = False
    failures: int = 0
    due: float = 0.0
    asked_at: float = 0.0
    silent_since: float = 0.0
    silent_asks: int = 0

    @property
    def pid(self) -> int | None:
        """Process id, None while it does not run."""
        return self.popen.pid if self.popen else None

    def start(self) -> None:
        """Starts the process in a session of its own, its output in its log."""
        if self.part.mark:
            self.part.mark.unlink(missing_ok=True)
        rotate(self.log)
        launcher = [sys.executable, "-I", "-S", str(LAUNCHER), str(os.getpid())]
        with self.log.open("ab") as output:
            self.popen = subprocess.Popen(
                [*launcher, *self.part.command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=PROJECT,
                env=self.environment,
                start_new_session=True,
            )
        self.grouped(f"+{self.popen.pid}")
        self.is_healthy = False

    def reap(self) -> None:
        """Notices an end, clears up what the process left behind, and says when it is started again."""
        if self.popen is None or self.popen.poll() is None:
            return
        code = self.popen.returncode
        why = f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        self.end_group()
        self.failures = 0 if self.is_healthy else self.failures + 1
        delay = min(FIRST_DELAY_SECONDS * 2 ** (self.failures - 1), LONGEST_DELAY_SECONDS) if self.failures else 0.0
        self.due = time.monotonic() + delay
        self.is_healthy = False
        self.say(f"{self.part.name} ended ({why}); starting it again {f'in {delay:g} s' if delay else 'now'}. Its log: {self.log}")

    def check(self) -> bool:
        """Asks a process that is not known to be healthy. Returns whether it just became so."""
        if self.popen is None or self.is_healthy:
            return False
        self.is_healthy = (self.part.mark is None or self.part.mark.exists()) and self.part.healthy()
        self.asked_at, self.silent_asks = time.monotonic(), 0
        return self.is_healthy

    def ask_again(self) -> None:
        """Asks a healthy process now and then whether it still answers. Ends one that has been silent for long; `reap` sees to the rest."""
        now = time.monotonic()
        if self.popen is None or not self.is_healthy or now < self.asked_at + ASK_SECONDS:
            return
        self.asked_at = now
        self.silent_asks += 1
        if self.silent_asks == 1:
            self.silent_since = now
        silent = now - self.silent_since
        too_long = self.silent_asks >= SILENT_ASKS and silent >= SILENT_SECONDS
        if self.part.answers(LAST_PATIENCE_SECONDS if too_long else PATIENCE_SECONDS):
            self.silent_asks = 0
        elif too_long:
            self.say(f"{self.part.name} runs but has not answered for {silent:.0f} s; ending it. Its log: {self.log}")
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.popen.pid, signal.SIGKILL)

    def ask_to_stop(self) -> None:
        """Sends SIGTERM."""
        if self.popen and self.popen.poll() is None:
            self.popen.terminate()

    def wait_stopped(self) -> bool:
        """Waits for the end after `ask_to_stop`, and ends by force what takes too long. Returns whether it went by itself."""
        if self.popen is None:
            return True
        gently = True
        try:
            self.popen.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            gently = False
        self.end_group()
        return gently

    def end_group(self) -> None:
        """Ends what is left of the process and its children."""
        if self.popen is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.popen.pid, signal.SIGKILL)
        self.popen.wait()
        self.grouped(f"-{self.popen.pid}")
        if self.part.mark:
            self.part.mark.unlink(missing_ok=True)
        self.popen = None
