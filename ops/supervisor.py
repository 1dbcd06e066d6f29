"""Starts a clinic's processes, keeps them running, and ends them all, whichever way it ends itself.

Owns DIR/run, DIR/log and DIR/ready.json. One thread, which sleeps until a signal or the next thing due. Standard library and `ops`.
"""

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from ops import PROJECT
from ops.problems import Problem
from ops.process import Part, Process

STOP_ORDER = (("threads",), ("worker", "https"), ("web",), ("xmpp",))
"""The threads component first: it tells its rooms. The XMPP server last: it delivers that. `threads` is each of threads-1, threads-2 … too."""
WATCHDOG = Path(__file__).with_name("watchdog.py")
GIVE_UP_AFTER = 5
"""A part that fails so often before the clinic was ever ready will not come up by itself."""
CHECK_SECONDS = 0.1
IDLE_SECONDS = 5.0
PATIENCE_SECONDS = 10.0


@dataclass(frozen=True)
class Plan:
    """All that a supervisor has to know. `described`: what ready.json says beside the process ids.

    `first`: lines for the start; `welcome`: for the console once all is ready, and for no log.
    """

    data: Path
    environment: dict[str, str]
    parts: tuple[Part, ...]
    described: dict[str, object]
    first: tuple[str, ...] = ()
    welcome: str = ""


class Supervisor:
    """The processes of one clinic. `lock`: the data folder's, as a file descriptor."""

    def __init__(self, plan: Plan, lock: int):
        self.plan = plan
        self.lock = lock
        self.ready_file = plan.data / "ready.json"
        self.written: dict[str, int | None] = {}
        self.was_ready = False
        self.cannot_write = False
        self.patience = time.monotonic() + PATIENCE_SECONDS
        self.stopping: str | None = None
        self.watchdog: subprocess.Popen[str] | None = None
        self.processes = {
            part.name: Process(part, plan.environment, plan.data / "log" / f"{part.name}.log", self.say, self.tell_watchdog) for part in plan.parts
        }

    def say(self, text: str) -> None:
        """Prints one line, with the time, on the console and in the supervisor's log."""
        line = f"{time.strftime('%H:%M:%S')}  {text}"
        with contextlib.suppress(OSError):
            print(line, flush=True)
        with contextlib.suppress(OSError), (self.plan.data / "log" / "supervisor.log").open("a") as log:
            print(time.strftime("%Y-%m-%d"), line, file=log)

    def tell_watchdog(self, line: str) -> None:
        """Keeps the watchdog's list of process groups current; a watchdog that was killed is replaced."""
        self.keep_watchdog()
        if self.watchdog is None or self.watchdog.stdin is None:
            return
        try:
            self.watchdog.stdin.write(f"{line}\n")
            self.watchdog.stdin.flush()
        except BrokenPipeError:
            # Killed between the look and the line; the new one gets the whole list.
            self.start_watchdog()

    def keep_watchdog(self) -> None:
        """Starts the watchdog if it does not run."""
        if self.watchdog is None or self.watchdog.poll() is not None:
            self.start_watchdog()

    def start_watchdog(self) -> None:
        """Starts the watchdog, which also holds the folder's lock until it has cleared up."""
        self.watchdog = subprocess.Popen(
            [sys.executable, "-I", "-S", str(WATCHDOG), str(self.ready_file)],
            stdin=subprocess.PIPE,
            text=True,
            cwd=PROJECT,
            start_new_session=True,
            pass_fds=(self.lock,),
        )
        for process in self.processes.values():
            if process.pid and self.watchdog.stdin:
                self.watchdog.stdin.write(f"+{process.pid}\n")
                self.watchdog.stdin.flush()

    def run(self) -> int:
        """Runs until a signal. Returns the exit code. Raises Problem if a part never comes up."""
        wake_read, wake_write = os.pipe()
        os.set_blocking(wake_write, False)
        os.set_blocking(wake_read, False)
        signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self.on_signal)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        for line in self.plan.first:
            self.say(line)
        try:
            while self.stopping is None:
                self.turn()
                if self.stopping is None:
                    select.select([wake_read], [], [], self.pause())
                with contextlib.suppress(BlockingIOError):
                    os.read(wake_read, 4096)
            self.say(f"Stopping ({self.stopping}) …")
        finally:
            self.stop()
        self.say("Stopped.")
        return 0

    def on_signal(self, number: int, frame: object) -> None:
        """Asks the loop to end."""
        self.stopping = signal.Signals(number).name

    def pause(self) -> float:
        """Returns how long nothing needs to be done, unless a signal comes."""
        if all(process.is_healthy for process in self.processes.values()):
            return IDLE_SECONDS
        return CHECK_SECONDS

    def turn(self) -> None:
        """One look at every process."""
        self.keep_watchdog()
        for name, process in self.processes.items():
            process.reap()
            if not self.was_ready and process.failures >= GIVE_UP_AFTER:
                raise Problem(f"{name} does not start. The end of its log {process.log}:\n{tail(process.log)}")
            if process.pid is None and time.monotonic() >= process.due and self.needs_met(process):
                process.start()
            if process.check() and self.was_ready:
                self.say(f"{name} runs again (process {process.pid}).")
            process.ask_again()
        if all(process.is_healthy for process in self.processes.values()):
            self.write_ready()
        elif not self.was_ready and time.monotonic() > self.patience:
            waited_for = [name for name, process in self.processes.items() if not process.is_healthy]
            self.say(f"Still waiting for: {', '.join(waited_for)}. Logs: {self.plan.data / 'log'}")
            self.patience = time.monotonic() + PATIENCE_SECONDS

    def needs_met(self, process: Process) -> bool:
        """Returns whether what this process leans on answers."""
        return all(self.processes[name].is_healthy for name in process.part.needs if name in self.processes)

    def write_ready(self) -> None:
        """Writes ready.json, if it does not say so already; all at once, so that a reader never sees half of it."""
        pids = {name: process.pid for name, process in self.processes.items()}
        if pids == self.written:
            return
        content = {**self.plan.described, "pids": {**pids, "supervisor": os.getpid()}}
        temporary = self.ready_file.with_name(".ready.json.new")
        try:
            temporary.write_text(json.dumps(content, indent=1) + "\n")
            temporary.replace(self.ready_file)
        except OSError as error:
            if not self.cannot_write:
                self.say(f"Cannot write {self.ready_file}: {error.strerror}. Trying again every few seconds.")
            self.cannot_write = True
            return
        self.cannot_write = False
        self.written = pids
        if not self.was_ready:
            self.was_ready = True
            self.say("The clinic is ready.")
            print(self.plan.welcome, flush=True)

    def stop(self) -> None:
        """Ends every process, in order, then the watchdog."""
        self.ready_file.unlink(missing_ok=True)
        for kinds in STOP_ORDER:
            group = [process for name, process in self.processes.items() if name.partition("-")[0] in kinds]
            for process in group:
                process.ask_to_stop()
            for process in group:
                if not process.wait_stopped():
                    self.say(f"{process.part.name} did not stop by itself; it was ended.")
        if self.watchdog and self.watchdog.stdin:
            with contextlib.suppress(BrokenPipeError):
                self.watchdog.stdin.close()
            self.watchdog.wait()


def tail(path: Path, lines: int = 15) -> str:
    """Returns the last lines of a log."""
    return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])
