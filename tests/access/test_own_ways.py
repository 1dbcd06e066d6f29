"""What an app does in a way of its own (kick, invite, subject, correction, retraction, reaction) × every member: who may, as product.md has it.

Those who are in no such thread are test_apps.py's; here are members, refused by their role, and entries that are not for them.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

from tests.access.acts import COLUMNS
from tests.access.apps import Apps, enter, said
from tests.access.scene import ABSENT, PEOPLE
from tests.access.stanzas import ADMIN
from tests.access.state import Held, difference
from tests.access.test_apps import ITS_OWN, answered
from tests.support.stage import X

USER, MODERATE = f"{X}#user", "urn:xmpp:message-moderate:1"
COUNTED = ITS_OWN | {"live_sessions"}


@dataclass(frozen=True)
class Way:
    """One row: the letters of acts.py's columns, and the stanza; {to} is the room, {entry} an entry, {person} somebody's address."""

    letters: str
    xml: str

    def may(self, relation: str) -> bool:
        """Say whether the row lets a relation do it."""
        return dict(zip(COLUMNS, self.letters.split(), strict=True))[relation] == "Y"


def _message(inside: str, kind: str = "groupchat") -> str:
    return f"<message to='{{to}}' type='{kind}' id='q'>{inside}</message>"


LIST = f"<iq to='{{to}}' type='set' id='q'><query xmlns='{ADMIN}'>"
WAYS = {
    "name the thread": Way("N Y Y Y N", _message("<subject>Called by an app</subject>")),
    "invite": Way("N Y Y Y N", _message(f"<x xmlns='{USER}'><invite to='{{person}}'/></x>", "normal")),
    "invite as a list": Way("N Y Y Y N", LIST + "<item affiliation='member' jid='{person}'/></query></iq>"),
    "kick": Way("N N N Y N", LIST + "<item role='none' nick='Bella Baptiste'/></query></iq>"),
    "ban": Way("N N N Y N", LIST + "<item affiliation='outcast' nick='Bella Baptiste'/></query></iq>"),
    "moderate": Way(
        "N N N Y N",
        f"<iq to='{{to}}' type='set' id='q'><moderate xmlns='{MODERATE}' id='{{entry}}'><retract xmlns='urn:xmpp:message-retract:1'/></moderate></iq>",
    ),
}
# What is done to an entry by its id: one that is hidden is refused as one that there is not.
ON_ENTRIES = {
    "correct": _message("<body>Other words</body><replace xmlns='urn:xmpp:message-correct:0' id='{entry}'/>"),
    "retract": _message("<body>x</body><retract xmlns='urn:xmpp:message-retract:1' id='{entry}'/>"),
    "react": _message("<reactions xmlns='urn:xmpp:reactions:0' id='{entry}'><reaction>👍</reaction></reactions>"),
    "moderate": WAYS["moderate"].xml,
}


def _changed(before: Held, after: Held) -> list[str]:
    return [table for table in difference(before, after) if table.partition(":")[0] not in COUNTED]


def _written(apps: Apps, way: str, entry: str) -> str:
    person = f"{apps.scene.handles['rolf']}@{apps.config.domain}"
    return way.replace("{to}", apps.room_of("group")).replace("{entry}", entry).replace("{person}", person)


async def _refusals(apps: Apps) -> list[str]:
    problems = []
    members = apps.scene.threads["group"].members
    inside = {}
    for who in members:
        inside[who] = apps.app(who)
        await enter(inside[who], apps.room_of("group"), PEOPLE[who][0])
        await inside[who].everything()
    before = apps.state.held()
    for name, way in WAYS.items():
        for who, relation in members.items():
            if not way.may(relation):
                heard = said(await answered(inside[who], _written(apps, way.xml, apps.scene.threads["group"].entries["text"]), "q"))
                if 'type="error"' not in heard:
                    problems.append(f"{name} by {who}: no refusal, but {heard[:300]}")
                problems += [f"{name} by {who}: tells of the {what}" for what in apps.scene.leaks(heard, who)]
    changed = _changed(before, apps.state.held())
    return problems + [f"refused, and yet it changed {changed}" for _ in changed[:1]]


async def _hidden(apps: Apps) -> list[str]:
    problems, compared = [], 0
    before = apps.state.held()
    for who, label in (("ada", "group"), ("ana", "group"), ("boris", "group"), ("bella", "group")):
        client = apps.app(who)
        await enter(client, apps.room_of(label), PEOPLE[who][0])
        await client.everything()
        hidden = {"foreign": apps.scene.threads["foreign"].entries["text"]} | {
            which: uid for which, uid in apps.scene.threads[label].entries.items() if apps.scene.hidden(who, label, which)
        }
        for name, way in ON_ENTRIES.items():
            forms = {}
            for what, entry in {"absent": ABSENT, **hidden}.items():
                heard = said(await answered(client, _written(apps, way, entry), "q")).replace(entry, "ENTRY")
                problems += [f"{name} of {what} by {who}: tells of the {leak}" for leak in apps.scene.leaks(heard, who)]
                forms[heard] = what
                compared += 1
            if len(forms) > 1 or not all('type="error"' in form for form in forms):
                problems.append(f"{name} by {who}: {[(what, form[:300]) for form, what in forms.items()]}")
    assert compared > 20
    return problems + _changed(before, apps.state.held())


async def _done(apps: Apps) -> list[str]:
    """The control: whoever may, does it, in the group admin's case last."""
    problems = []
    for name, way in WAYS.items():
        for who in ("boris",):
            before = apps.state.held()
            client = apps.app(who)
            await enter(client, apps.room_of("group"), PEOPLE[who][0])
            client.sends(_written(apps, way.xml, apps.scene.threads["group"].entries["text"]))
            try:
                async with asyncio.timeout(10):
                    while "entries: -0" not in "".join(_changed(before, apps.state.held())):
                        await asyncio.sleep(0.02)
            except TimeoutError:
                problems.append(f"{name} by {who}: it was not done: {said(await client.everything())[:500]}")
            await _read_again(apps)
    return problems


async def _read_again(apps: Apps) -> None:
    """The component learns that the clinic was put back as it was."""
    await apps.stop()
    apps.state.restore(apps.kept)
    await apps.start()


def test_what_an_app_does_in_its_own_way_is_done_by_whoever_may(tmp_path: Path) -> None:
    async def play() -> None:
        async with Apps(tmp_path) as apps:
            problems = [*await _refusals(apps), *await _hidden(apps)]
            assert not problems, "\n".join(["", *problems])
            await _read_again(apps)
            problems = await _done(apps)
            assert not problems, "\n".join(["", *problems])

    asyncio.run(play())
