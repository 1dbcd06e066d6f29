"""`bedside bench NAME`: one module a measurement, each with a click command called `command`. Loaded only when asked for.

Each prints one JSON line a figure: `name`, `value`, `unit`, and `ratio` where a peer was measured in the same run.
"""

import signal
import sys
from importlib import import_module
from types import FrameType
from typing import Any

import click

NAMES = ("first-light", "messages", "component", "idle", "pages", "search", "files")


class Benches(click.Group):
    """The measurements as subcommands."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Returns the names of the measurements."""
        return list(NAMES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command:
        """Returns the command of a measurement. Raises UsageError if there is none of this name."""
        if cmd_name not in NAMES:
            ctx.fail(f"There is no measurement {cmd_name}. Choose one of: {', '.join(NAMES)}.")
        command: click.Command = import_module(f"ops.bench.{cmd_name.replace('-', '_')}").command
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Measures. SIGTERM ends a measurement as Ctrl-C does: what it started is stopped and removed."""
        signal.signal(signal.SIGTERM, _end)
        return super().invoke(ctx)


def _end(_number: int, _frame: FrameType | None) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # once is enough: clearing up must not be cut off
    sys.exit(128 + signal.SIGTERM)
