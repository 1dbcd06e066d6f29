"""profanity, a real XMPP client for terminals, driven in tmux as a person would: keys in, screen out."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from types import TracebackType

from tests.support.ports import eventually

LOGGED_IN = "logged in successfully"


class Profanity:
    """One profanity in a tmux of its own; its settings and history live below `home` only."""

    def __init__(self, home: Path, rows: int = 50) -> None:
        self.home = home
        home.mkdir(parents=True, exist_ok=True)
        # A socket's path may be 107 characters long; a test's folder may be longer than that.
        self.socket = Path(f"/tmp/bedside-tmux-{os.getpid()}-{abs(hash(home)) % 10**6}")
        self._tmux("new-session", "-d", "-x", "160", "-y", str(rows), "profanity", environment={"HOME": str(home)})
        eventually(lambda: "Profanity" in self.screen(), 15, "profanity's first screen")

    def __enter__(self) -> Profanity:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._tmux("kill-server", check=False)
        self.socket.unlink(missing_ok=True)

    def _tmux(self, *arguments: str, check: bool = True, environment: dict[str, str] | None = None) -> str:
        command = [shutil.which("tmux") or "tmux", "-S", str(self.socket), "-f", "/dev/null", *arguments]
        folders = {f"XDG_{kind}_HOME": str(self.home / kind.lower()) for kind in ("CONFIG", "DATA", "CACHE")}
        variables = os.environ | {"TERM": "xterm-256color", "LC_ALL": "C.UTF-8"} | folders | (environment or {})
        done = subprocess.run(command, env=variables, capture_output=True, text=True, check=check, timeout=20)
        return done.stdout

    def screen(self) -> str:
        """Return what the terminal shows, lines joined where they were broken for width."""
        return self._tmux("capture-pane", "-p", "-J", check=False)

    def type(self, line: str) -> None:
        """Type a line and press Enter."""
        self._tmux("send-keys", "-l", line)
        self._tmux("send-keys", "Enter")

    def sees(self, text: str, seconds: float = 10.0) -> None:
        """Wait until the screen shows `text`. Raises: AssertionError with the screen."""
        self.sees_one_of((text,), seconds)

    def sees_one_of(self, texts: tuple[str, ...], seconds: float = 10.0) -> None:
        """Wait until the screen shows one of these. Raises: AssertionError with the screen."""
        try:
            eventually(lambda: any(text in screen for screen in [self.screen()] for text in texts), seconds)
        except AssertionError:
            raise AssertionError(f"profanity does not show {' or '.join(texts)}:\n{self.screen()}") from None

    def connect(self, jid: str, password: str, port: int) -> None:
        """Log in by STARTTLS, accepting the clinic's own authority when profanity asks about it."""
        self.type(f"/connect {jid} server 127.0.0.1 port {port} tls force")
        self.sees("password:", 15)
        self.type(password)
        # It asks about an authority that it does not know; a person answers once. Answers typed again and again would be commands
        # once it is in, and push what is waited for off the screen.
        self.sees_one_of(("/tls allow", LOGGED_IN), 30)
        if LOGGED_IN not in self.screen():
            self.type("/tls allow")
        self.sees(LOGGED_IN, 30)

    def join(self, room: str) -> None:
        """Join a thread and look at it.

        profanity may already be joining by itself, from a bookmark of an earlier log-in: then it ignores `/join`,
        lists the room at once, but has a window for it only when it says so.
        """
        self.type(f"/join {room}")
        eventually(lambda: not self._looks_at_console() or f"Autojoined {room}" in self.screen(), 10, "a window for it")
        if self._looks_at_console():
            self.type(f"/win {room}")

    def opens(self, room: str) -> None:
        """Wait until a thread that profanity finds among the bookmarks opens by itself at the log-in, and look at it."""
        self.sees(f"Autojoined {room}", 30)
        self.type(f"/win {room}")
        eventually(lambda: not self._looks_at_console(), 30, "the thread's window")

    def log_out(self) -> None:
        """Disconnect, and forget what the console showed."""
        self.type("/disconnect")
        self.sees("logged out successfully", 30)
        self.type("/clear")
        eventually(lambda: "logged out successfully" not in self.screen(), 30, "an empty console")

    def _looks_at_console(self) -> bool:
        return self.screen().lstrip().startswith("Profanity. ")
