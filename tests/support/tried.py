"""An offered action that only notes what it was called with: every sort of field, each way of refusing."""

from __future__ import annotations

from typing import Any

import pytest

from clinic import ACTIONS
from clinic.actions import ActionSpec, Offer
from clinic.errors import Conflict, Invalid
from clinic.fields import Choice, ClientId, Flag, Moment, Option, Pick, PickSeveral, Text
from clinic.loading import LoadedThread
from clinic.permissions import Permission
from clinic.thread.actions import thread_for
from clinic.work import Work

PEOPLE = (Option("1", "Boris Brandt", "practitioner"), Option("2", "Bella Baptiste"), Option("3", "Bellamy; Ana"))
FIELDS = (
    Text("words", "Words"),
    Text("story", "Story", multiline=True, required=False),
    Pick("one", "Person", options=lambda *_: PEOPLE),
    PickSeveral("some", "Others", required=False, options=lambda *_: PEOPLE),
    Choice("colour", "Colour", options=("red", "dark-blue"), required=False),
    Moment("at", "When", required=False),
    Flag("sure", "Sure"),
    ClientId("client_id"),
)


class Tried:
    """What the actions of this module were called with, by name."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []

    def action(self, name: str) -> Any:
        """Return the function of an action."""

        def trying(_work: Work, _thread: LoadedThread, **values: Any) -> None:
            if values.get("words") == "refuse":
                raise Invalid("These words are not right.", field="words")
            if values.get("words") == "too late":
                raise Conflict("Somebody else did it.")
            self.calls.append((name, values))

        return trying

    def declare(self, monkeypatch: pytest.MonkeyPatch, name: str, offer: Offer, *fields: Any, permission: Permission = Permission.THREAD_MUTE) -> None:
        """Offer an action until the test ends."""
        same = (lambda *_: True) if any(isinstance(field, ClientId) for field in fields) else None
        spec = ActionSpec(name, permission, self.action(name), thread_for, fields, False, False, same, offer)
        monkeypatch.setitem(ACTIONS, name, spec)


def offered_actions(monkeypatch: pytest.MonkeyPatch) -> Tried:
    """Offer: t.try (every sort of field), t.now (nothing to say), t.end (grave, nothing to say), t.say (one line), t.who (one person),
    t.staff (staff only). Returns: what they are called with.
    """
    tried = Tried()
    tried.declare(monkeypatch, "t.try", Offer("Try it", "try", "It is only tried.", "Tried."), *FIELDS)
    tried.declare(monkeypatch, "t.now", Offer("Do it now", "now", done="Done now."))
    tried.declare(monkeypatch, "t.end", Offer("End it all", "end", "It is over for everybody then.", "Over.", grave=True))
    tried.declare(monkeypatch, "t.say", Offer("Say it", "say", done="Said."), Text("words", "Words", multiline=True))
    tried.declare(monkeypatch, "t.who", Offer("Choose somebody", "who", done="Chosen."), Pick("one", "Person", options=lambda *_: PEOPLE))
    tried.declare(monkeypatch, "t.staff", Offer("Staff things", "staff"), permission=Permission.THREAD_RENAME)
    return tried
