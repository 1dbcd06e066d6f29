"""A stanza on its way through, and how this wire refuses. Imports the standard library, clinic's errors and wire."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element

from clinic.errors import NotFound
from xmpp_components import wire

if TYPE_CHECKING:
    from xmpp_components.rooms.room import Member, Room

FEED_PREFIX = "feed-"
NOT_DONE = "This is not offered here. Nothing was changed."
NO_THREAD = "There is no thread at this address that you can open. Look in your list of threads."


class Target(StrEnum):
    """What a stanza is addressed to."""

    SERVICE = "service"
    ROOM = "room"
    OCCUPANT = "occupant"
    FEED = "feed"


def target_of(to: wire.Address) -> Target:
    """Returns: what an address of the component stands for."""
    if not to.local:
        return Target.SERVICE
    if to.local.startswith(FEED_PREFIX):
        return Target.FEED
    return Target.OCCUPANT if to.resource else Target.ROOM


class Refusal(Exception):
    """A refusal that exists on this wire only. ``condition`` and ``type`` as in RFC 6120 section 8.3.

    ``special``: the condition of the protocol spoken, beside the general one (section 8.3.4).
    """

    def __init__(self, condition: str, type: str, text: str, special: wire.Xml | None = None) -> None:
        super().__init__(condition)
        self.condition, self.type, self.text, self.special = condition, type, text, special


@dataclass(slots=True)
class Request:
    """What a stanza says, who sent it, what it is addressed to; ``room`` and ``member`` once it is past the door."""

    xml: Element
    kind: str
    type: str | None
    id: str | None
    sender: str
    to: wire.Address
    handle: str | None
    target: Target
    room: Room | None = None
    member: Member | None = None

    @property
    def payload(self) -> Element | None:
        """Returns: the iq's request, or the stanza's first child."""
        return next(iter(self.xml), None)

    @property
    def key(self) -> tuple[str, Target, str]:
        """Returns: under what the register of handlers knows this stanza."""
        if self.kind == "iq":
            return f"iq {self.type}", self.target, self.payload.tag if self.payload is not None else ""
        if self.kind == "presence":
            return f"presence {self.type or 'available'}", self.target, "*"
        return f"message {self.type if self.type in ('groupchat', 'error') else 'other'}", self.target, "*"

    def inside(self) -> tuple[Room, Member]:
        """Returns: the room and the sender's membership. Raises: NotFound for everybody else."""
        if self.room is None or self.member is None:
            raise NotFound(NO_THREAD)
        return self.room, self.member

    @property
    def person(self) -> str:
        """Returns: the handle of the account that sent it. Raises: NotFound when it came from no account."""
        if self.handle is None:
            raise NotFound(NO_THREAD)
        return self.handle
