"""Commands typed as messages: what looks like one is never posted; it is done, or answered to the session that typed it. Owns what was asked lately.

`!help` says what there is, `!word values` does it, values in the form's order between " ; ". What is grave is asked back and done by `!yes`.
Source: house rule 15. (Conversations, Dino and Monal show no ad-hoc commands.)
"""

from __future__ import annotations

import asyncio
import re
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from clinic import ACTIONS, Actor, Work
from clinic.errors import Invalid, NotAcceptable, NotFound, NotNow, TooMany
from clinic.offers import Offered, Shape, action_of, offer, offers
from clinic.thread.nicks import CLINIC
from xmpp_components import wire
from xmpp_components.command_words import by_form, help_of, named, pinned, said_of, spelled, understood, unknown, usage
from xmpp_components.request import Request
from xmpp_components.rooms.room import Member, Room

if TYPE_CHECKING:
    from xmpp_components.component import Threads

LOOKS_LIKE_ONE = re.compile(r"\s*![^\W\d_]")
COMMAND = re.compile(r"\s*!(?P<word>[^\W\d_][\w-]*)(?P<rest>.*)", re.DOTALL)
# For so long a message that comes again is the same command; a client has given up long before.
REMEMBERED_SECONDS = 15 * 60.0
MOST_REMEMBERED = 2000
# For so long `!yes` answers the question that was asked.
CONFIRMED_WITHIN_SECONDS = 5 * 60.0
NO_CORRECTION = "A command can't be put in the place of a message. Nothing was changed or done: send the command as a new message."
NOT_DONE = "Nothing was done."
NOTHING_ASKED = "There is nothing to confirm: nothing was asked in the last minutes. Nothing was done."
TOO_FAST = "You are sending faster than one person's messages are taken here. This was not done: wait a moment and send it again."
ONLY_YOU = "(Only you see this.)"


def looks_like_one(body: str) -> bool:
    """Say whether a message is a command: `!` and a letter. "!!!" and "! " are text."""
    return LOOKS_LIKE_ONE.match(body) is not None


class Read(str):
    """An answer that tells what somebody may read now: where the command comes again it is read again, and nothing of it is kept here."""


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
        # All that there is to choose, for all that is offered, is much to read: one at a time, so that nobody else waits for a reader.
        self.looking_up = asyncio.Lock()

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
        if isinstance(found, Read):
            component.text_commands.forget(key)
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


def _offered(work: Work, thread: str, word: str) -> list[Offered]:
    """Return what somebody is offered under a word, or else all of it, as there is no such word for them: what is done in a thread, and then
    what is done in none, since apps without ad-hoc commands know rooms only. Raises: Invalid where it is theirs, and there is nothing to do just now.
    """
    if (action := action_of(word)) and (found := _found(work, action, thread)):
        return [found]
    return [*offers(work, thread), *offers(work)]


def _found(work: Work, action: str, thread: str) -> Offered | None:
    try:
        return offer(work, action, None if ACTIONS[action].load is None else thread)
    except NotNow as error:
        raise Invalid(error.text) from None
    except NotFound:
        return None


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
    if word == "no" and not rest and asked is not None:
        return NOT_DONE
    about = rest.removeprefix("!").casefold() if word == "help" else word

    async def look_up() -> dict[str, Offered]:
        async with component.text_commands.looking_up:
            return {one.offer.word: one for one in await component.reader.view(actor, _offered, room.uid, about)}

    found = await look_up()
    if about in found and await component.doer.look(actor, found[about]):
        found = await look_up()  # what there is once that is in the audit log
    if word == "help":
        said = help_of(found, about, base)
        return Read(said) if about in found and found[about].offer.look else said
    if word not in found:
        raise Invalid(unknown(word, found))
    one = found[word]
    if one.by_form:
        return by_form(one, base)
    values = pinned(one, understood(one, rest, base))
    if one.offer.grave or (not rest and one.asked and one.asked[0].shape is Shape.LINE):  # "!rename" alone takes a name away
        said = asks_back(component, request, room, one, values)
        return Read(said) if one.offer.look else said
    said = await _perform(component, actor, one, values, id)
    return f"{said}{which}" if (which := named(one, values)) else said


def asks_back(component: Threads, request: Request, room: Room, offered: Offered, values: Mapping[str, Any]) -> str:
    """Have `!yes` of the same session do something. Returns: the question."""
    component.text_commands.ask(room.uid, request.sender, Asked(offered, values, time.monotonic() + CONFIRMED_WITHIN_SECONDS))
    return f"{offered.title}{spelled(offered, values)}?{said_of(offered, values)} Nothing has happened yet: send !yes within five minutes to do it."


async def _perform(component: Threads, actor: Actor, offered: Offered, values: Mapping[str, Any], id: str) -> str:
    base = component.config.shared_url
    try:
        said = await component.doer.do(actor, *offered.addressed(values), f"command-{id}", base)
        return Read(said) if offered.offer.tells else said
    except Invalid as error:
        if offered.offer.look:  # what there was to choose when it was asked about may not be theirs to see any more
            raise
        raise Invalid(f"{error.text}\n{usage(offered, base, values)}", field=error.field) from None
