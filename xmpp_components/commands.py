"""Ad-hoc commands: what a person is offered, as lists and data forms of any XMPP client. Owns who is in the middle of which command.

A room offers what is done in its thread, the service the rest; a command's node is the word of its text command (profanity shows nodes
only). A form is one step; of what is about one of several people, or one of several entries, it is asked first which. Each step
asks the clinic anew who asks and what they may.
Source: XEP-0050, XEP-0004, house rule 15.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from xml.etree.ElementTree import Element

from clinic import Actor
from clinic.errors import Conflict, DomainError, Invalid, NotFound, NotNow, TooMany
from clinic.offers import WHOM, Offered, OfferedField, Shape, action_of, offer, offers, refusal_words
from clinic.thread.views import thread_head
from xmpp_components import wire
from xmpp_components.handlers import Policy, handles
from xmpp_components.request import Refusal, Request, Target

if TYPE_CHECKING:
    from xmpp_components.component import Threads

COMMAND = f"{{{wire.COMMANDS}}}command"
MOST_SESSIONS = 2000  # of everybody
MOST_OWN_SESSIONS = 20
KEPT_SECONDS = 30 * 60.0

STALE = "This command is not going on any more: it was finished, cancelled, or left alone for too long. Start it again."
NOT_OFFERED = "This is not offered to you here at the moment. Ask for the list of commands to see what is."
BAD_ACTION = "This command has one form: complete it or cancel it."
NO_FORM = "The filled form is missing. Nothing was changed; start the command again."
TOO_FAST = "These are too many commands at once. This one was not done: wait a moment and start it again."
START_AGAIN = "Start this command again to see it."
ENTRY, NONE = "entry", "-"
WHEN = "year-month-day hour:minute, for example 2026-11-30 09:00"


@dataclass(slots=True)
class Session:
    """One command that somebody has been shown the form of. ``id``: known to them; ``until``: by the steady clock.

    ``subject``: whom it is about, once that is said, who it stays whoever comes into the thread. ``entry``: which of what stands there, likewise.
    ``asks``: the field of the form that was shown, where it only asks which. ``kept``: values that came with what was shown, and nobody types.
    """

    id: str
    sender: str
    place: str
    node: str
    until: float
    subject: str | None = None
    entry: str = ""
    asks: str = ""
    kept: Mapping[str, Any] = field(default_factory=dict)


class Sessions:
    """The commands under way, few a session, for a while."""

    def __init__(self) -> None:
        self._going: dict[str, Session] = {}

    def begin(self, sender: str, place: str, node: str) -> Session:
        """Start one; the oldest go when there are too many. Returns: the session."""
        now = time.monotonic()
        self._going = {one.id: one for one in self._going.values() if one.until > now}
        own = [one.id for one in self._going.values() if one.sender == sender]
        too_many = max(0, len(own) + 1 - MOST_OWN_SESSIONS), max(0, len(self._going) + 1 - MOST_SESSIONS)
        for id in [*own[:too_many[0]], *list(self._going)[:too_many[1]]]:
            self._going.pop(id, None)
        session = Session(uuid.uuid4().hex, sender, place, node, now + KEPT_SECONDS)
        self._going[session.id] = session
        return session

    def take(self, id: str, sender: str, place: str, node: str) -> Session:
        """Take out one's own session, so that no step is done twice. Raises: Refusal for what is not theirs, here and of this command."""
        session = self._going.get(id)
        if session is None or (session.sender, session.place, session.node) != (sender, place, node) or session.until < time.monotonic():
            raise Refusal("bad-request", "modify", STALE, wire.element("bad-sessionid", {"xmlns": wire.COMMANDS}))
        return self._going.pop(id)

    def put_back(self, session: Session) -> None:
        """Go on with a session whose step was refused."""
        session.until = time.monotonic() + KEPT_SECONDS
        self._going[session.id] = session

    def end(self, session: Session) -> None:
        """Forget a session of which nobody was told."""
        self._going.pop(session.id, None)


def thread_of(request: Request) -> str | None:
    """Returns: the uid of the thread that a command is given in, or None at the service."""
    return request.to.local if request.target is Target.ROOM else None


async def listed(component: Threads, request: Request) -> None:
    """List what the reader may do here now. Source: XEP-0050 section 3.2."""
    async with component.turn(request):
        found = await component.reader.view(Actor.xmpp(request.person), offers, thread_of(request))
    component.reply(request, wire.element("query", {"xmlns": wire.DISCO_ITEMS, "node": wire.COMMANDS}, *(
        wire.element("item", {"jid": request.to.bare, "node": one.offer.word, "name": one.title}) for one in found)))


async def offered(component: Threads, request: Request, node: str) -> Offered:
    """Returns: one command, as it is offered to the sender here and now. Raises: NotFound, in one wording for whatever is not theirs."""
    try:
        return await component.reader.view(Actor.xmpp(request.person), offer, action_of(node), thread_of(request))
    except NotNow:
        raise
    except NotFound:
        raise NotFound(NOT_OFFERED) from None


@handles("iq set", Target.SERVICE, COMMAND, policy=Policy.ACCOUNT)
@handles("iq set", Target.ROOM, COMMAND, policy=Policy.MEMBER)
async def command(component: Threads, request: Request) -> None:
    """Take one step of a command. Source: XEP-0050 sections 3.3 to 3.5."""
    asked = request.payload
    assert asked is not None  # it is what the handler was found by
    node, id, step = asked.get("node", ""), asked.get("sessionid"), asked.get("action", "execute")
    form = wire.child(asked, wire.DATA, "x")
    if id is None:
        if step not in ("execute", "complete", "next"):
            raise Refusal("bad-request", "modify", BAD_ACTION, wire.element("bad-action", {"xmlns": wire.COMMANDS}))
        await _begin(component, request, node)
        return
    session = component.commands.take(id, request.sender, request.to.bare, node)
    if step == "cancel" or (form is not None and form.get("type") == "cancel"):
        _answer(component, request, session, "canceled")
        return
    if step not in ("execute", "complete") and not (step == "next" and session.asks):
        component.commands.put_back(session)
        raise Refusal("bad-request", "modify", BAD_ACTION, wire.element("bad-action", {"xmlns": wire.COMMANDS}))
    await _complete(component, request, session, form)


async def _begin(component: Threads, request: Request, node: str) -> None:
    found = await offered(component, request, node)
    if found.at_once:
        _paced(component, request)
        said = await _done(component, request, found, {}, uuid.uuid4().hex)
        _answer(component, request, Session(uuid.uuid4().hex, request.sender, request.to.bare, node, 0), "completed", _note("info", said))
        return
    session = component.commands.begin(request.sender, request.to.bare, node)
    try:
        await _show(component, request, session, found)
    except DomainError:
        component.commands.end(session)  # nobody knows its id
        raise


async def _looked(component: Threads, request: Request, session: Session, found: Offered) -> Offered:
    """Returns: the same command, with what there is to choose once that this is seen is in the audit log. Raises: DomainError."""
    if await component.doer.look(Actor.xmpp(request.person), found):
        return await offered(component, request, session.node)
    return found


async def _show(component: Threads, request: Request, session: Session, found: Offered) -> None:
    """Answer with what is asked next: whom it is about, which of what stands there of them, or the form; where nothing is, do it."""
    title, about = await _title(component, request), found.offer.about
    session.asks, session.subject = "", found.subject
    if found.subject is None and found.whom:
        _choose(component, request, session, found, found.fields[0], title)
        return
    if found.offer.look:
        _paced(component, request)
        found = await _looked(component, request, session, found)
    typed: dict[str, list[str]] = {}
    if found.by_form and about is not None:
        _paced(component, request)
        # An action: while its audit row cannot be stored, nobody sees what stands there.
        value = await component.doer.perform(Actor.xmpp(request.person), about.opens, found.subject)
        entries = tuple(about.entries(value)) if about.entries is not None else ()
        if about.entries is not None and session.entry not in {one.value for one in entries}:
            if not entries:
                raise NotNow(about.nothing)
            which = OfferedField(ENTRY, "Which one", Shape.ONE, required=True, options=entries)
            _choose(component, request, session, found, which, title)
            return
        filled = about.filled(value, session.entry) if about.filled is not None else {}
        session.kept = {name: filled[name] for name in about.kept}
        typed = {one.name: str(filled[one.name]).split("\n") for one in found.fields if filled.get(one.name)}
    if found.at_once:
        _paced(component, request)
        said = await _done(component, request, found, {}, session.id)
        _answer(component, request, session, "completed", _note("info", said))
        return
    component.commands.put_back(session)
    _answer(component, request, session, "executing", _actions(), form_of(found, title, typed))


def _choose(component: Threads, request: Request, session: Session, found: Offered, which: OfferedField, title: str | None) -> None:
    session.asks = which.name
    component.commands.put_back(session)
    form = form_of(replace(found, fields=(which,), offer=replace(found.offer, grave=False)), title)
    _answer(component, request, session, "executing", wire.element("actions", {"execute": "next"}, wire.element("next")), form)


async def _complete(component: Threads, request: Request, session: Session, form: Element | None) -> None:
    found = await offered(component, request, session.node)
    if session.subject is not None and found.whom:
        found = _about(found, session.subject)
    if (session.asks or found.asked) and (form is None or form.get("type", "submit") != "submit"):
        component.commands.put_back(session)
        raise Refusal("bad-request", "modify", NO_FORM, wire.element("bad-payload", {"xmlns": wire.COMMANDS}))
    typed = wire.form_fields(form) if form is not None else {}
    if session.asks:
        chosen = "".join(typed.get(session.asks, [])).removeprefix(NONE)
        if session.asks == ENTRY:
            session.entry = chosen
        await _show(component, request, session, _about(found, chosen) if session.asks == WHOM and chosen else found)
        return
    if not component.posts.take(request.person):
        component.commands.put_back(session)
        raise TooMany(TOO_FAST)
    try:
        said = await _done(component, request, found, {**values_of(found, typed), **session.kept}, session.id)
    except NotFound:
        raise
    except DomainError as error:
        title = await _title(component, request)
        component.commands.put_back(session)
        found = await _looked(component, request, session, found)
        again = f" {START_AGAIN}" if isinstance(error, Conflict) and found.by_form else ""
        note = _note("error", refusal_words(error, component.config.shared_url) + again)
        _answer(component, request, session, "executing", _actions(), note, form_of(found, title, typed))
        return
    _answer(component, request, session, "completed", _note("info", said))


def _about(found: Offered, subject: str) -> Offered:
    """Returns: the command about one of whom it may be about. Raises: NotFound, in one wording for whoever is not one of them."""
    try:
        return found.on(subject)
    except NotFound:
        raise NotFound(NOT_OFFERED) from None


def _paced(component: Threads, request: Request) -> None:
    if not component.posts.take(request.person):
        raise TooMany(TOO_FAST)


async def _done(component: Threads, request: Request, found: Offered, values: Mapping[str, Any], client_id: str) -> str:
    return await component.doer.do(Actor.xmpp(request.person), found, values, f"command-{client_id}", component.config.shared_url)


async def _title(component: Threads, request: Request) -> str | None:
    """Returns: what the thread is called for the reader; None at the service."""
    thread = thread_of(request)
    if thread is None:
        return None
    return (await component.reader.view(Actor.xmpp(request.person), thread_head, thread)).title


def _answer(component: Threads, request: Request, session: Session, status: str, *inside: wire.Xml) -> None:
    component.reply(request, wire.element(
        "command", {"xmlns": wire.COMMANDS, "node": session.node, "sessionid": session.id, "status": status}, *inside))


def _actions() -> wire.Xml:
    return wire.element("actions", {"execute": "complete"}, wire.element("complete"))


def _note(type: str, text: str) -> wire.Xml:
    return wire.element("note", {"type": type}, text)


# --- forms

TYPES = {Shape.LINES: "text-multi", Shape.ONE: "list-single", Shape.SEVERAL: "list-multi", Shape.FLAG: "boolean"}


def form_of(found: Offered, title: str | None, typed: Mapping[str, list[str]] | None = None) -> wire.Xml:
    """Build the form of a command. ``typed``: what was filled in before. Returns: Xml. Source: XEP-0004 section 3."""
    about = f", about {', '.join(part for part in (who.label, who.more) if part)}" if (who := found.who) is not None else ""
    said = [f"In the thread {title}{about}."] if title is not None else []  # one line: profanity shows the first alone
    answers = [option for field in found.asked if field.name == found.offer.answers for option in field.options]
    means = [f"{option.label}: {found.means[option.value]}" for option in answers if option.value in found.means]
    said += means or ([found.offer.help] if found.offer.help else [])
    if found.offer.grave or not found.asked:
        said.append("Nothing has happened yet: to do it, submit this form.")
    return wire.element(
        "x", {"xmlns": wire.DATA, "type": "form"}, wire.element("title", {}, found.title),
        *(wire.element("instructions", {}, line) for line in said), *(_field(field, (typed or {}).get(field.name, [])) for field in found.asked))


def _field(field: OfferedField, values: list[str]) -> wire.Xml:
    type = TYPES.get(field.shape, "text-single")
    label = f"{field.label} ({WHEN})" if field.shape is Shape.MOMENT else field.label
    inside = [wire.element("required")] if field.required else []
    if field.newest and field.options and not values:
        values = [field.options[0].value]  # what is newest when the form is submitted may be another
    if field.shape is Shape.ONE and not field.newest and (not field.required or field.name in (WHOM, ENTRY)):
        # COMPAT: profanity 0.13 crashes at an option without a value, and shows what there is to choose only where something is chosen.
        inside.append(wire.element("option", {"label": "Choose one" if field.required else "No choice"}, wire.element("value", {}, NONE)))
        values = values or [NONE]
    inside += [wire.element("value", {}, value) for value in values]
    inside += [wire.element("option", {"label": f"{one.label} · {one.more}" if one.more else one.label}, wire.element("value", {}, one.value))
               for one in field.options]
    return wire.element("field", {"var": field.name, "type": type, "label": label}, *inside)


def values_of(found: Offered, typed: Mapping[str, list[str]]) -> dict[str, Any]:
    """Read a submitted form by what was asked, since clients submit differently. Returns: raw values by field.

    profanity and poezio send no types and one string, Gajim a list; what was left blank is empty or absent. Raises: Invalid.
    """
    unknown = sorted(typed.keys() - {field.name for field in found.fields} - {"", "FORM_TYPE"})
    if unknown:
        raise Invalid(f"Nobody asked for {unknown[0]}: fill in the fields of the form.")
    return {field.name: _value(field, typed.get(field.name, [])) for field in found.fields}


def _value(field: OfferedField, values: list[str]) -> Any:
    if field.shape is Shape.SEVERAL:
        return [line for value in values for line in value.split("\n") if line.strip()]
    if field.shape is Shape.LINES:
        return "\n".join(values)
    given = " ".join(value for value in values if field.shape is not Shape.ONE or value != NONE)
    if field.shape is Shape.FLAG and field.required and not given:
        return "0"  # a box that is not ticked is left out by some
    return given
