"""What comes in and goes out of the domain: who acts (Actor, Door), what is asked for (Call), what came of it (Done).

Imports the log's Entry and roles only; every door makes these, and work.py, transaction.py and database.py take them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from clinic.log import Entry
from clinic.permissions import Role


class Door(StrEnum):
    """Through which transport somebody came in."""

    PAGE = "page"
    XMPP = "xmpp"
    CONSOLE = "console"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who asks, as a transport has authenticated them: an account by uid or handle, nobody yet, or the clinic itself.

    role: the role acted in; None means the account's care role. session: the login session's or device's uid.
    """

    door: Door
    account: str | None = None
    handle: str | None = None
    role: Role | None = None
    session: str | None = None
    is_system: bool = False

    @classmethod
    def page(cls, account_uid: str, role: Role, session_uid: str) -> Actor:
        """Somebody signed in to the page."""
        return cls(Door.PAGE, account=account_uid, role=role, session=session_uid)

    @classmethod
    def xmpp(cls, handle: str) -> Actor:
        """Somebody whose XMPP server vouches for the address; they act in their care role."""
        return cls(Door.XMPP, handle=handle)

    @classmethod
    def anonymous(cls, door: Door = Door.PAGE) -> Actor:
        """Somebody not signed in."""
        return cls(door)

    @classmethod
    def system(cls, door: Door = Door.CONSOLE) -> Actor:
        """The clinic's own process, or who sits at its console."""
        return cls(door, is_system=True)

    @property
    def is_anonymous(self) -> bool:
        return self.account is None and self.handle is None and not self.is_system


@dataclass(frozen=True, slots=True)
class Call:
    """One action asked for: its name, its subject's uid, its raw field values."""

    actor: Actor
    action: str
    subject: str | None = None
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Done:
    """What came of a call. entries: as committed, in order; of a duplicate, the one stored the first time.

    version: the thread's version at this entry, so that nobody delivers it by an older list of members.
    """

    value: Any = None
    entries: tuple[Entry, ...] = ()
    duplicate: bool = False
    version: int | None = None
