"""The archive of a room: queries with paging, its form, its metadata. Owns no state; the clinic filters by the reader.

Source: XEP-0313 (urn:xmpp:mam:2, #extended), XEP-0059.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element

from clinic import Actor
from clinic.errors import Invalid
from clinic.log import Entry
from clinic.thread.archive import archive
from xmpp_components import wire
from xmpp_components.handlers import Policy, handles
from xmpp_components.request import Refusal, Request, Target
from xmpp_components.rooms import render
from xmpp_components.rooms.room import UID
from xmpp_components.turns import LONGEST_ID, fitting

if TYPE_CHECKING:
    from xmpp_components.component import Threads

DEFAULT_PAGE, LARGEST_PAGE, MOST_IDS = 50, 100, 100
FIELDS = {"FORM_TYPE": "hidden", "with": "jid-single", "start": "text-single", "end": "text-single",
          "before-id": "text-single", "after-id": "text-single", "ids": "list-multi"}


@dataclass(frozen=True, slots=True)
class Query:
    """One archive query, understood."""

    start: datetime | None
    end: datetime | None
    before: str | None
    after: str | None
    ids: tuple[str, ...] | None
    limit: int
    backwards: bool
    flipped: bool

    @property
    def catches_up(self) -> bool:
        """Returns: whether whoever asks this has the thread up to the last entry of the answer then.

        Clients that catch up page forwards from what they have, or backwards from the newest; most join without history.
        """
        return self.ids is None and not (self.backwards and self.before)


@handles("iq get", Target.ROOM, f"{{{wire.MAM}}}query", policy=Policy.MEMBER)
def send_form(component: Threads, request: Request) -> None:
    """Say which fields a query may have. Source: XEP-0313 section 4.1.6."""
    fields = {name: ((wire.MAM,) if name == "FORM_TYPE" else ()) for name in FIELDS}
    component.reply(request, wire.element("query", {"xmlns": wire.MAM}, wire.form("form", fields, FIELDS)))


@handles("iq set", Target.ROOM, f"{{{wire.MAM}}}query", policy=Policy.MEMBER)
async def query(component: Threads, request: Request) -> None:
    """Send one page of the archive, in order, then what the page covered.

    Raises: Refusal item-not-found for unknown ids, resource-constraint when too many questions of the same person wait.
    """
    room, member = request.inside()
    asked = request.payload
    assert asked is not None  # the register matched on it
    wanted, queryid = read(asked, room.jid), asked.get("queryid")
    if queryid and len(queryid) > LONGEST_ID:
        raise Invalid(f"The queryid of a question has at most {LONGEST_ID} characters.")
    async with component.turn(request) as turn:
        page = await component.reader.view(
            Actor.xmpp(member.handle), archive, room.uid, before=wanted.before, after=wanted.after, start=wanted.start,
            end=wanted.end, limit=wanted.limit, backwards=wanted.backwards, ids=wanted.ids)
        # A page ends early when it is large; what is left of it is the next page's.
        sent = fitting(page.entries, lambda entry: render.archived(room, entry, queryid, member).to(request.sender), newest=wanted.backwards)
        for _entry, text in reversed(sent) if wanted.flipped else sent:
            component.stream.write(text)
            turn.sent_bytes += len(text)
        entries = [entry for entry, _text in sent]
        complete = page.complete and len(entries) == len(page.entries)
        component.reply(request, wire.element(
            "fin", {"xmlns": wire.MAM, "queryid": queryid, "complete": "true" if complete else None},
            _covered(entries, page.count)))
        if entries and wanted.catches_up:
            component.confirmation.sent(room, member.handle, entries[-1])


def _covered(entries: list[Entry], count: int | None) -> wire.Xml:
    inside = []
    if entries:
        inside += [wire.element("first", {}, entries[0].uid), wire.element("last", {}, entries[-1].uid)]
    if count is not None:
        inside.append(wire.element("count", {}, str(count)))
    return wire.element("set", {"xmlns": wire.RSM}, *inside)


def read(asked: Element, room_jid: str) -> Query:
    """Understand a query's form and paging.

    Returns: Query; where both the form and the paging limit by id, the paging's is the narrower one and holds.
    Raises: Invalid, Refusal feature-not-implemented for fields that this archive has not.
    """
    form = wire.child(asked, wire.DATA, "x")
    fields = wire.form_fields(form) if form is not None else {}
    if unknown := next((name for name in fields if name not in FIELDS), None):
        raise Refusal("feature-not-implemented", "cancel", f"This archive can't be searched by {unknown[:60]}.")
    if any(value not in ("", room_jid) for value in fields.get("with", ())):
        raise Refusal("feature-not-implemented", "cancel", "This archive can't be searched by person.")
    paging = wire.child(asked, wire.RSM, "set")
    limit, before, after, backwards = _paging(paging)
    if limit == 0:
        before = after = None  # what is counted is the whole, wherever a page of it would begin (XEP-0059 section 2.7)
    ids = tuple(dict.fromkeys(fields["ids"])) if fields.get("ids") else None
    if ids and len(ids) > MOST_IDS:
        raise Invalid(f"At most {MOST_IDS} messages can be asked for by id at once.")
    return Query(
        start=_instant(fields, "start"), end=_instant(fields, "end"), backwards=backwards,
        limit=limit if limit is not None else len(ids) if ids else DEFAULT_PAGE,
        before=_known(before or _single(fields, "before-id")), after=_known(after or _single(fields, "after-id")),
        ids=tuple(_known(id) or "" for id in ids) if ids else None,
        flipped=wire.child(asked, wire.MAM, "flip-page") is not None)


def _paging(paging: Element | None) -> tuple[int | None, str | None, str | None, bool]:
    if paging is None:
        return None, None, None, False
    found = {name: wire.child(paging, wire.RSM, name) for name in ("max", "before", "after", "index")}
    if found["index"] is not None:
        raise Refusal("feature-not-implemented", "cancel", "Pages of this archive are asked for by before or after.")
    text = {name: (part.text or "").strip() if part is not None else None for name, part in found.items()}
    if text["max"] is not None and not (text["max"].isascii() and text["max"].isdigit()):
        raise Invalid("The size of a page (max) is a number.")
    limit = None if text["max"] is None else min(int(text["max"][:6]), LARGEST_PAGE)
    return limit, text["before"] or None, text["after"] or None, text["before"] is not None


def _single(fields: dict[str, list[str]], name: str) -> str | None:
    return next((value for value in fields.get(name, ()) if value), None)


def _known(id: str | None) -> str | None:
    if id is not None and not UID.fullmatch(id):
        raise Refusal("item-not-found", "cancel", "There is no message with this id in this archive.")
    return id


def _instant(fields: dict[str, list[str]], name: str) -> datetime | None:
    text = _single(fields, name)
    if text is None:
        return None
    try:
        found = wire.instant(text)
        # COMPAT: clients that write whole seconds (poezio) mean the last one with all that happened in it.
        return found.replace(microsecond=999_999) if name == "end" and "." not in text else found
    except ValueError:
        raise Invalid(f"The {name} of the search is not a date and time such as 2026-11-22T09:30:00Z.") from None


@handles("iq get", Target.ROOM, f"{{{wire.MAM}}}metadata", policy=Policy.MEMBER)
async def metadata(component: Threads, request: Request) -> None:
    """Say which are the first and the last message that the reader may see. Source: XEP-0313 section 4.1.7."""
    room, member = request.inside()
    ends = []
    async with component.turn(request):
        for name, backwards in (("start", False), ("end", True)):
            page = await component.reader.view(Actor.xmpp(member.handle), archive, room.uid, limit=1, backwards=backwards)
            ends += [wire.element(name, {"id": entry.uid, "timestamp": wire.stamp(entry.at)}) for entry in page.entries]
    component.reply(request, wire.element("metadata", {"xmlns": wire.MAM}, *ends))
