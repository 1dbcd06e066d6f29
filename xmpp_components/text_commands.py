"""Commands typed as messages: what looks like one is never posted; it is done, or answered to the session that typed it. Owns what was asked lately.

`!help` says what there is, `!word values` does it, values in the form's order between " ; ". What is grave is asked back and done by `!yes`.
Source: house rule 15. (Conversations, Dino and Monal show no ad-hoc commands.)
"""

from __future__ import annotations

import asyncio
import difflib
import re
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from clinic import Actor, Work
from clinic.errors import Invalid, NotAcceptable, TooMany
from clinic.fields import Option
from clinic.offers import Offered, OfferedField, Shape, confirm_link, offers
from clinic.thread.nicks import CLINIC
from xmpp_components import wire
from xmpp_components.request import Request
from xmpp_components.rooms.room import Member, Room

if TYPE_CHECKING:
    from xmpp_components.component import Threads

LOOKS_LIKE_ONE = re.compile(r"\s*![^\W\d_]")
COMMAND = re.compile(r"\s*!(?P<word>[^\W\d_][\w-]*)(?P<rest>.*)", re.DOTALL)
BETWEEN = re.compile(r"(?:^|\s);(?=\s|$)")
# For so long a message that comes again is the same command; a client has given up long before.
REMEMBERED_SECONDS = 15 * 60.0
MOST_REMEMBERED = 2000
# For so long `!yes` answers the question that was asked.
CONFIRMED_WITHIN_SECONDS = 5 * 60.0
MOST_VALUES = 30
NO_CORRECTION = "A command can't be put in the place of a message. Nothing was changed or done: send the command as a new message."
NOTHING_ASKED = "There is nothing to confirm: nothing was asked in the last minutes. Nothing was done."
TOO_FAST = "You are sending faster than one person's messages are taken here. This was not done: wait a moment and send it again."
ONLY_YOU = "(Only you see this.)"
AS_TEXT = "To send it as text, begin with something else."
WHEN = "2026-11-30 09:00"


def looks_like_one(body: str) -> bool:
    """Say whether a message is a command: `!` and a letter. "!!!" and "! " are text."""
    return LOOKS_LIKE_ONE.match(body) is not None


@dataclass(slots=True)
class Asked:
    """A grave command that waits for `!yes` of the session that gave it."""

    offered: Offered
    values: Mapping[str, Any]
    until: float


class Memory:
    """Which commands came lately and what was answered, so that one that comes again is not done again; and what waits for `!yes`."""

    def __init__(self) -> None:
        self._answers: dict[tuple[str, str, str], tuple[asyncio.Future[str], float]] = {}
        self._asked: dict[tuple[str, str], Asked] = {}

    def known(self, keys: Sequence[tuple[str, str, str]]) -> asyncio.Future[str] | None:
        """Returns: the answer to a command that came already under one of these ids, perhaps not given yet."""
        now = time.monotonic()
        found = (self._answers.get(key) for key in keys)
        return next((one[0] for one in found if one is not None and one[1] > now), None)

    def note(self, key: tuple[str, str, str]) -> asyncio.Future[str]:
        """Remember a command that is about to be done. Returns: the future of its answer."""
        now = time.monotonic()
        if len(self._answers) >= MOST_REMEMBERED:
            kept = [(one, answer) for one, answer in self._answers.items() if answer[1] > now]
            self._answers = dict(kept[-MOST_REMEMBERED // 2:])
        future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._answers[key] = future, now + REMEMBERED_SECONDS
        return future

    def forget(self, key: tuple[str, str, str]) -> None:
        """Let a command that was refused be tried again under the same id."""
        self._answers.pop(key, None)

    def ask(self, room: str, session: str, asked: Asked | None) -> Asked | None:
        """Put the question that waits for a session's `!yes` in a room, or take it away. Returns: the one before, if it still counts."""
        before = self._asked.pop((room, session), None)
        now = time.monotonic()
        self._asked = {key: one for key, one in self._asked.items() if one.until > now}
        if asked is not None:
            self._asked[(room, session)] = asked
        return before if before is not None and before.until > now else None


def take(component: Threads, request: Request, room: Room, member: Member, body: str, ids: tuple[str, str | None], *, corrects: bool) -> None:
    """Take a message that looks like a command; it is answered later, to its sender only.

    ids: under which it counts as the same when it comes again. corrects: it stands in the place of another message. Raises: DomainError.
    """
    if corrects:
        raise NotAcceptable(NO_CORRECTION)
    if not component.posts.take(member.handle):
        raise TooMany(TOO_FAST)
    keys = [(room.uid, member.handle, id) for id in ids if id]
    answer = component.text_commands.known(keys)
    if answer is None:
        answer = component.text_commands.note(keys[0])
        component.background(_answered(component, request, room, member, body, keys[0], answer))
    component.call(request, _say(component, request, room, member, body, answer))


async def _answered(component: Threads, request: Request, room: Room, member: Member, body: str, key: tuple[str, str, str],
                    answer: asyncio.Future[str]) -> None:
    [found] = await asyncio.gather(_do(component, request, room, member, body, key[-1]), return_exceptions=True)
    if isinstance(found, BaseException):
        component.text_commands.forget(key)
        answer.set_exception(found)
        answer.exception()  # marks it as seen: who asked may have gone
    else:
        answer.set_result(found)


async def _say(component: Threads, request: Request, room: Room, member: Member, body: str, answer: asyncio.Future[str]) -> None:
    """Give back what was typed, to the session that typed it, so that its app does not wait for it; then the answer."""
    text = await asyncio.shield(answer)
    hint = wire.element("no-store", {"xmlns": wire.HINTS})
    origin = wire.child(request.xml, wire.SID, "origin-id")
    own = () if origin is None else (wire.element("origin-id", {"xmlns": wire.SID, "id": origin.get("id", "")}),)
    component.send(wire.stanza("message", {"from": room.nick_jid(member.nick), "type": "groupchat", "id": request.id},
                               wire.element("body", {}, body), *own, hint), request.sender)
    component.send(wire.stanza("message", {"from": room.nick_jid(CLINIC), "type": "groupchat", "id": f"told-{uuid.uuid4().hex}"},
                               wire.element("body", {}, f"{text} {ONLY_YOU}"), hint), request.sender)


def _offered(work: Work, thread: str) -> list[Offered]:
    """Return what somebody is offered in a thread, and then what is done in none: apps without ad-hoc commands know rooms only."""
    return [*offers(work, thread), *offers(work)]


async def _do(component: Threads, request: Request, room: Room, member: Member, body: str, id: str) -> str:
    """Do what a command says. Returns: the answer. Raises: DomainError, with words that say how it is written."""
    given = COMMAND.match(body)
    assert given is not None  # it looks like one
    word, rest = given["word"].casefold(), given["rest"].strip()
    asked = component.text_commands.ask(room.uid, request.sender, None)
    actor, base = Actor.xmpp(member.handle), component.config.shared_url
    if word == "yes" and not rest:
        if asked is None:
            raise Invalid(NOTHING_ASKED)
        return await _perform(component, actor, asked.offered, asked.values, id)
    found = {one.offer.word: one for one in await component.reader.view(actor, _offered, room.uid)}
    if word == "help":
        return help_of(found, rest.removeprefix("!").casefold(), base)
    if word not in found:
        raise Invalid(unknown(word, found))
    one = found[word]
    values = understood(one, rest, base)
    if one.offer.grave:
        component.text_commands.ask(room.uid, request.sender, Asked(one, values, time.monotonic() + CONFIRMED_WITHIN_SECONDS))
        said = f" {one.offer.help}" if one.offer.help else ""
        return f"{one.title}{_spelled(one, values)}?{said} Nothing has happened yet: send !yes within five minutes to do it."
    return await _perform(component, actor, one, values, id)


async def _perform(component: Threads, actor: Actor, offered: Offered, values: Mapping[str, Any], id: str) -> str:
    base = component.config.shared_url
    try:
        return await component.doer.do(actor, offered, values, f"command-{id}", base)
    except Invalid as error:
        raise Invalid(f"{error.text}\n{usage(offered, base, values)}", field=error.field) from None


# --- reading


def understood(offered: Offered, rest: str, base: str) -> dict[str, Any]:
    """Return the values of a command's rest by field. Raises: Invalid, which says how it is written and what there is to choose."""
    fields = list(offered.asked)
    values: dict[str, Any] = {}
    parts = _parts(fields, rest)
    if parts is None:
        raise Invalid(f"These are more values than it takes.\n{usage(offered, base)}")
    for field, part in parts:
        try:
            values[field.name] = _value(field, part, alone=len(fields) == 1)
        except Invalid as error:
            filled = {name: value for name, value in values.items() if value}
            raise Invalid(f"{error.text}\n{usage(offered, base, filled)}", field=field.name) from None
    return values


def _parts(fields: list[OfferedField], rest: str) -> list[tuple[OfferedField, str]] | None:
    """Deal what stands between " ; " to the fields in order; what is not enough for all goes to those that must be filled."""
    if len(fields) < 2:
        return [(fields[0], rest)] if fields else (None if rest else [])
    parts = [part.strip() for part in BETWEEN.split(rest)]
    if (more := len(parts) - len(fields)) > 0:  # somebody's own words hold a semicolon too
        at = next((place for place, field in enumerate(fields) if field.shape is Shape.LINES), len(fields) - 1)
        parts[at:at + more + 1] = [" ; ".join(parts[at:at + more + 1])]
    required = [field for field in fields if field.required]
    takers = required if len(parts) == len(required) else fields
    dealt = dict(zip((field.name for field in takers), parts, strict=False))
    return [(field, dealt.get(field.name, "")) for field in fields]


def _value(field: OfferedField, text: str, *, alone: bool) -> Any:
    if not text:
        if field.shape is Shape.FLAG and alone:
            return "yes"  # "!mute" alone means what it says
        if field.required:
            raise Invalid(f"{field.label} is missing.")
        return None
    if field.shape is Shape.SEVERAL:
        whole = matching(field, text)  # one label may hold a comma
        return [whole[0].value] if len(whole) == 1 else [_one(field, part.strip()) for part in text.split(",") if part.strip()]
    return _one(field, text) if field.shape is Shape.ONE else text


def _one(field: OfferedField, text: str) -> str:
    found = matching(field, text)
    if len(found) == 1:
        return found[0].value
    if found:
        raise Invalid(f"{field.label}: “{text}” may be {_or([_named(one, found) for one in found])}. Write more of it.")
    if not field.options:
        raise Invalid(f"{field.label}: there is nothing to choose from just now.")
    raise Invalid(f"{field.label}: there is no “{text}”.")


def matching(field: OfferedField, text: str) -> list[Option]:
    """Return the options that somebody means by `text`: the one of that label or value, else those that begin so, else those with such a word."""
    text = " ".join(text.casefold().split())
    labels = [(option, " ".join(option.label.casefold().split())) for option in field.options]
    for fits in (
        lambda option, label: text in (label, option.value.casefold(), f"{label} {option.more.casefold()}"),
        lambda option, label: label.startswith(text),
        lambda option, label: any(word.startswith(text) for word in label.split()),
    ):
        found = [option for option, label in labels if fits(option, label)]
        if found:
            return found
    return []


# --- words


def _named(option: Option, among: Sequence[Option]) -> str:
    """Return an option's label, with what tells it from others of the same."""
    twice = sum(one.label == option.label for one in among) > 1
    return f"{option.label} {option.more}" if twice and option.more else option.label


def _or(words: Sequence[str]) -> str:
    shown = list(words[:MOST_VALUES])
    rest = [f"{len(words) - MOST_VALUES} more"] if len(words) > MOST_VALUES else []
    return ", ".join([*shown, *rest][:-1]) + (" or " if len(words) > 1 else "") + [*shown, *rest][-1]


def pattern(offered: Offered) -> str:
    """Return how a command is written: !word <field> ; [<field>]."""
    fields = [f"<{_short(field)}>" if field.required else f"[{_short(field)}]" for field in offered.asked]
    return " ".join([f"!{offered.offer.word}", *([" ; ".join(fields)] if fields else [])])


def example(offered: Offered) -> str:
    """Return a command as somebody might write it, with values that there are."""
    parts = [_example(field) for field in offered.asked]
    while parts and not offered.asked[len(parts) - 1].required:
        parts.pop()
    return " ".join([f"!{offered.offer.word}", *([" ; ".join(parts)] if parts else [])])


def _example(field: OfferedField) -> str:
    if field.options:
        return field.options[0].label
    return {Shape.FLAG: "yes", Shape.MOMENT: WHEN, Shape.DAY: "1984-03-27", Shape.EMAIL: "name@example.org"}.get(field.shape, f"<{_short(field)}>")


def _short(field: OfferedField) -> str:
    """Return a field's label without what it explains."""
    return re.split(r"[,(]", field.label.lower())[0].strip()


def usage(offered: Offered, base: str, filled: Mapping[str, Any] | None = None) -> str:
    """Return how a command is written, what there is to choose, and the page that asks for the same."""
    lines = [f"Write: {pattern(offered)}"]
    for field in offered.asked:
        if field.options:
            lines.append(f"{field.label}: {_or([_named(one, field.options) for one in field.options])}.")
        elif field.shape is Shape.MOMENT:
            lines.append(f"{field.label}: for example {WHEN}.")
        elif field.shape is Shape.FLAG:
            lines.append(f"{field.label}: yes or no.")
    lines.append(f"Or fill it in here: {confirm_link(base, offered.action, offered.thread, filled)}")
    return "\n".join(lines)


def help_of(found: Mapping[str, Offered], word: str, base: str) -> str:
    """Return what somebody may do by message, each with an example; with a word, how that one is written."""
    if word in found:
        one = found[word]
        return "\n".join([f"{one.title}. {one.offer.help}".strip(), usage(one, base)])
    lines = [f"{example(one)} – {one.title.lower()}" for one in sorted(found.values(), key=lambda one: one.offer.word)]
    return "\n".join(["What you can do here by message:", *lines, "!help and a word says more of it."])


def unknown(word: str, found: Mapping[str, Offered]) -> str:
    """Return the words for a command that there is not, naming the nearest."""
    nearest = difflib.get_close_matches(word, [*found, "help"], 1, 0.5)
    meant = f" Did you mean !{nearest[0]}?" if nearest else ""
    return f"There is no command !{word} here.{meant} !help lists what there is. Nothing was sent. {AS_TEXT}"


def _spelled(offered: Offered, values: Mapping[str, Any]) -> str:
    """Return in brackets what a command was understood as, so that a person sees whom it would hit."""
    said = []
    for field in offered.fields:
        value = values.get(field.name)
        picked = value if isinstance(value, list) else [value]
        labels = {option.value: f"{option.label} {option.more}".strip() for option in field.options}
        said += [labels.get(one, str(one)) for one in picked if one]
    return f" ({', '.join(said)})" if said else ""

