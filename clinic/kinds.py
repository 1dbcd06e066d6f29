"""The registry of kinds of entries: payload, plain body, XML child and page fragment, declared once each.

Owns @kind, KINDS, what an entry asks of its readers (Ask), the file that it shows (SharedFile), and two payloads that stand for what cannot be
shown (UNKNOWN, Tombstone).
Imports the standard library only. A capability declares its kinds in its own folder; the log stores a payload as JSON,
the component sends `body` to any client and `xml` beside it, the page draws `fragment`.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from dataclasses import dataclass, field, fields, is_dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from clinic.log import Entry


class Payload(Protocol):
    """What a kind's dataclass offers; its fields are plain JSON values. One that speaks of its addressee may have `to_addressee`, its body as they read it."""

    @property
    def body(self) -> str:
        """The entry in words, for a client that knows nothing of its kind (rule 14)."""


@dataclass(frozen=True, slots=True)
class Ask:
    """What an entry asks of a reader: an action, in words before its confirm link, and values to fill in by field.

    page: the path of the page where it is done, for what a form cannot ask for.

    A payload that asks has a property `asks`, a tuple of these (accept, decline); whoever may not answer finds nothing behind a link (rule 15).
    """

    words: str
    action: str
    values: dict[str, str] = field(default_factory=dict)
    page: str = ""


@dataclass(frozen=True, slots=True)
class SharedFile:
    """A file that an entry shares (XEP-0447), as those receive it who open their own link to it. A payload that shows one has a property `shared_file`.

    file: uid. name: as it is saved. width, height: pixels, duration_ms: of a sound or a video; 0 where there are none. words: what to say of it
    to those who are shown the file itself instead of the entry's body: what a machine understood of a voice message.
    """

    file: str
    name: str
    media_type: str
    size_bytes: int
    width: int = 0
    height: int = 0
    duration_ms: int = 0
    words: str = ""


PayloadType = TypeVar("PayloadType", bound=type)
Changes = Callable[["Entry", "Entry"], "Entry"]
"""Returns the earlier entry (first) as it is shown after the later one that is about it (second)."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of entry. `fragment` is a template below the page's entries/; `xml` renders the child in `ns`.

    changes: what an entry of it makes of the earlier one that it is about. amends: it only does that, and has no line of its own (a correction, say).
    says_who: its body names who did it, so that no list puts the author's name before it. retractable: it can be taken back. forwardable: it can be
    sent on to colleagues. moves_head: the head of a thread may read otherwise after it, so that open pages fetch it anew.
    found_as: the word by which a search narrows to it, empty where none does. staff_only: no patient sees one,
    and none is offered to look for them (who reads an entry is said by its audience).
    """

    name: str
    payload: type
    fragment: str
    ns: str | None
    xml: Callable[[Any], str] | None
    changes: Changes | None = None
    amends: bool = False
    says_who: bool = False
    retractable: bool = False
    forwardable: bool = False
    moves_head: bool = False
    found_as: str = ""
    staff_only: bool = False

    def decode(self, stored: str) -> Any:
        """Return the payload of the JSON `stored`; unknown members (of a newer version) are ignored."""
        known = _field_names(self.payload)
        data = {name: value for name, value in json.loads(stored).items() if name in known}
        return self.payload(**{name: tuple(v) if isinstance(v, list) else v for name, v in data.items()})


_ENCODE = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


@functools.cache
def _field_names(payload: type) -> tuple[str, ...]:
    return tuple(one.name for one in fields(payload))


KINDS: dict[str, Kind] = {}
_BY_PAYLOAD: dict[type, Kind] = {}


def kind(
    name: str,
    *,
    fragment: str,
    ns: str | None = None,
    xml: Callable[[Any], str] | None = None,
    changes: Changes | None = None,
    amends: bool = False,
    says_who: bool = False,
    retractable: bool = False,
    forwardable: bool = False,
    moves_head: bool = False,
    found_as: str = "",
    staff_only: bool = False,
) -> Callable[[PayloadType], PayloadType]:
    """Declare a frozen dataclass as the payload of the kind `name`.

    fragment: template file, relative to the page's entries folder. ns, xml: the own-namespace child, when there is one.
    changes, amends, says_who, retractable, forwardable, moves_head, found_as, staff_only: as of Kind.
    """

    def declare(payload: PayloadType) -> PayloadType:
        if name in KINDS:
            raise RuntimeError(f"two kinds are named {name!r}")
        if not is_dataclass(payload) or not hasattr(payload, "body"):
            raise RuntimeError(f"the payload of {name!r} must be a dataclass with a body")
        if (ns is None) != (xml is None):
            raise RuntimeError(f"{name!r}: ns and xml come together")
        if amends and changes is None:
            raise RuntimeError(f"{name!r} has no line of its own and changes nothing")
        if changes is not None and retractable:
            raise RuntimeError(f"{name!r} can be taken back: its mark on the earlier entry would stay")
        KINDS[name] = _BY_PAYLOAD[payload] = Kind(
            name, payload, fragment, ns, xml, changes, amends, says_who, retractable, forwardable, moves_head, found_as, staff_only
        )
        return payload

    return declare


@dataclass(frozen=True, slots=True)
class UnknownPayload:
    """What is left of an entry whose kind this version does not know: the clinic went back to it from a newer one."""

    @property
    def body(self) -> str:
        return "This entry was made by a newer version of Bedside and cannot be shown by this one."


UNKNOWN = Kind("unknown", UnknownPayload, "text.html", None, None)
_BY_PAYLOAD[UnknownPayload] = UNKNOWN


@dataclass(frozen=True, slots=True)
class Tombstone:
    """What is left of an entry that was taken back: nothing of what it said. by: uid of the entry that took it back.

    at: when, as text (ISO 8601). moderator: who removed it, where it was not its author. reason: theirs.
    """

    by: str
    at: str
    moderator: str = ""
    reason: str = ""

    @property
    def body(self) -> str:
        if not self.moderator:
            return "This message was taken back."
        return f"This message was removed by {self.moderator}." + (f" Reason: {self.reason}" if self.reason else "")


_BY_PAYLOAD[Tombstone] = Kind("tombstone", Tombstone, "text.html", None, None)


def kind_named(name: str) -> Kind:
    """Return the kind of a stored entry. One entry that cannot be shown must not take its thread with it."""
    return KINDS.get(name, UNKNOWN)


def kind_of(payload: Payload) -> Kind:
    """Return the declared kind of `payload`."""
    return _BY_PAYLOAD[type(payload)]


@functools.cache
def _defaults(payload: type) -> dict[str, Any]:
    return {field.name: field.default for field in fields(payload)}


def encode(payload: Payload) -> str:
    """Return `payload` as the JSON that the log stores; a value that is its field's default is left out."""
    values = {name: getattr(payload, name) for name in _field_names(type(payload))}
    return _ENCODE({name: value for name, value in values.items() if value != _defaults(type(payload))[name]})
