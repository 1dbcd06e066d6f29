"""What actions are done to, for tests that go through all of them. Imports clinic."""

from __future__ import annotations

from clinic.actions import ActionSpec


def on_a_thread(spec: ActionSpec) -> bool:
    """Whether an action's subject is a thread, whatever else its loader locks first."""
    return spec.load is not None and spec.load.__annotations__["return"] == "LoadedThread"
