"""Every offered action through both doors of apps, the form and the word, by every relation that may it; and by no other.

The expectations are acts.py's, written by hand. That a form does not begin for anybody else is test_apps.py's. Source: house rule 15.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from clinic import ACTIONS
from clinic.actions import ActionSpec
from tests.access.acts import ACTS, OWN, Fields
from tests.access.apps import Apps, enter, said
from tests.access.scene import PATIENT, PEOPLE, Scene
from tests.access.state import Held, difference
from tests.access.test_apps import COMMANDS, ITS_OWN, answered
from tests.support.stage import Client

OFFERED = {name: spec for name, spec in sorted(ACTIONS.items()) if spec.offer is not None}
# A room of one's own, for what is done in no thread: apps without forms know rooms only.
HOME = {"ana": "direct", "boris": "direct", "chen": "direct", "bella": "group", "bruno": "foreign", "eve": "foreign", "ada": "group"}
COUNTED = ITS_OWN | {"live_sessions", "memberships", "threads"}  # who joins has read


def _calls(scene: Scene, _who: str, label: str) -> None:
    scene.do("ana", "urgent.call", scene.threads[label].uid, words="It bleeds", client_id="called")


def _another_claims(scene: Scene, who: str, label: str) -> None:
    """In the 1:1 Chen has claimed already."""
    if label == "group" or who == "chen":
        scene.do("boris" if who != "boris" else "bella", "thread.take_over" if label == "direct" else "thread.claim", scene.threads[label].uid)


def _claims(scene: Scene, who: str, label: str) -> None:
    scene.do(who, "thread.claim", scene.threads[label].uid)


# What has to have happened, and where the action then succeeds.
FIRST: dict[str, tuple[Callable[[Scene, str, str], None], tuple[str, ...]]] = {
    "thread.take_over": (_another_claims, ("direct", "group")),
    "thread.unclaim": (_claims, ("group",)),
    "urgent.acknowledge": (_calls, ("direct", "group")),
    "urgent.resolve": (_calls, ("direct", "group")),
}
# Threads of staff alone to forward to are not in the scene: tests/domain/test_forward.py has them.
LEFT_OUT = {"text.forward"}


def _people(scene: Scene, name: str, letter: bool) -> Iterator[tuple[str, str, Fields]]:
    """Yield one person of each relation (or role) that may, or may not: the thread, and the values."""
    row, found = ACTS[name], set[str]()
    works = FIRST[name][1] if name in FIRST else row.works
    for who in HOME:
        for label in works if row.on == "thread" else (HOME[who],):
            relation = scene.relation(who, label) if row.on == "thread" else scene.role(who)
            values = row.values(scene, who, label if row.on == "thread" else OWN)
            if relation and relation not in found and who not in row.hard and (row.letter(relation) == "Y") == letter and values is not None:
                found.add(relation)
                yield who, label, values


def _asked(spec: ActionSpec, values: Fields) -> dict[str, Any]:
    """Return the values of what a person is asked for: ids of messages are the app's, and what stands in a profile comes with its form."""
    assert spec.offer
    kept = spec.offer.about.kept if spec.offer.about else ()
    return {name: value for name, value in values.items() if name != "client_id" and name not in kept}


def _whom(scene: Scene, spec: ActionSpec, who: str) -> str:
    """Return the uid of the patient whom an action is about."""
    on = ACTS[spec.name].on
    assert callable(on)
    return str(on(scene, who, OWN))


async def by_form(apps: Apps, spec: ActionSpec, who: str, label: str, values: Fields) -> str:
    """Give a command by its form, if it asks, and by what it asks first. Returns: the last answer."""
    client, to = apps.app(who), apps.room_of(label) if spec.load else apps.server.domain
    assert spec.offer
    begin = f"<iq type='set' id='q' to='{to}'><command xmlns='{COMMANDS}' node='{spec.offer.word}'/></iq>"
    heard = said(await answered(client, begin, "q"))
    for asked_first in ("patient", "entry", ""):
        if 'status="executing"' not in heard or "<note" in heard:
            return heard
        if asked_first and not ("<next" in heard and f'var="{asked_first}"' in heard):
            continue
        given = {"patient": _whom(apps.scene, spec, who), "entry": values.get("item") or values.get("note")} if asked_first else _asked(spec, values)
        [session] = re.findall(r'sessionid="([^"]+)"', heard)
        fields = "".join(
            f"<field var='{name}'>{''.join(f'<value>{one}</value>' for one in (value if isinstance(value, list) else [value]))}</field>"
            for name, value in given.items()
            if asked_first in ("", name)
        )
        submit = (f"<iq type='set' id='r' to='{to}'><command xmlns='{COMMANDS}' node='{spec.offer.word}' sessionid='{session}'>"
                  f"<x xmlns='jabber:x:data' type='submit'>{fields}</x></command></iq>")
        heard = said(await answered(client, submit, "r"))
    return heard


async def by_words(apps: Apps, spec: ActionSpec, who: str, label: str, values: Fields) -> str:
    """Give a command as a message, and say yes where one is asked. Returns: the last answer."""
    client = apps.app(who)
    await enter(client, apps.room_of(label), PEOPLE[who][0])
    assert spec.offer
    given = _asked(spec, values)
    parts = [",".join(value) if isinstance(value := given[field.name], list) else str(value) for field in spec.fields if field.name in given]
    patients = [name for name, relation in apps.scene.threads[label].members.items() if relation == PATIENT]
    if spec.offer.about and len(patients) > 1 and apps.scene.role(who) != PATIENT:
        parts.insert(0, _whom(apps.scene, spec, who))
    heard = await _typed(apps, client, label, f"!{spec.offer.word} {' ; '.join(parts)}", "t")
    return await _typed(apps, client, label, "!yes", "y") if "send !yes" in heard else heard


async def _typed(apps: Apps, client: Client, label: str, text: str, id: str) -> str:
    client.sends(f"<message to='{apps.room_of(label)}' type='groupchat' id='{id}'><body>{text}</body></message>")
    while True:
        one = await client.hears()
        if (one.get("id") or "").startswith("told-") or (one.get("type") == "error" and one.get("id") == id):
            return "".join(one.itertext())


def _changed(before: Held, after: Held) -> set[str]:
    """Return the tables that differ, but for what typing a message writes by itself."""
    return {table.partition(":")[0] for table in difference(before, after)} - COUNTED


async def again(apps: Apps) -> None:
    """Put the clinic back as it was prepared; the component learns of it."""
    await apps.stop()
    apps.state.restore(apps.kept)
    await apps.start()


@pytest.mark.parametrize("door", [by_form, by_words])
def test_each_action_is_done_through_the_door_by_each_relation_that_may(tmp_path: Path, door: Callable[..., Any]) -> None:
    async def play() -> None:
        async with Apps(tmp_path) as apps:
            problems, done = list[str](), set[str]()
            for name, spec in OFFERED.items():
                for who, label, values in list(_people(apps.scene, name, letter=True)) if name not in LEFT_OUT else ():
                    if name in FIRST:
                        FIRST[name][0](apps.scene, who, label)
                    before = apps.state.held()
                    heard = await door(apps, spec, who, label, values)
                    assert spec.offer
                    if door is by_words and spec.offer.about and spec.offer.about.opens:
                        if "choose “" + spec.offer.title not in heard or _changed(before, apps.state.held()):
                            problems.append(f"{name} in {label} by {who}: not referred to its form: {heard[:500]}")
                    elif spec.offer.done not in heard:
                        problems.append(f"{name} in {label} by {who}: {heard[:500]}")
                    elif name != "search.ask" and not difference(before, apps.state.held()):
                        problems.append(f"{name} in {label} by {who}: nothing was done")
                    done.add(name)
                    await again(apps)
            assert not problems, "\n".join(["", *problems])
            assert set(OFFERED) - LEFT_OUT == done

    asyncio.run(play())


def test_a_word_does_not_exist_for_a_member_who_may_not(tmp_path: Path) -> None:
    async def play() -> None:
        async with Apps(tmp_path) as apps:
            problems, refused, before = list[str](), set[str](), apps.state.held()
            for name, spec in OFFERED.items():
                for who, label, values in _people(apps.scene, name, letter=False):
                    heard = await by_words(apps, spec, who, label, values)
                    assert spec.offer
                    if f"There is no command !{spec.offer.word} here." not in heard:
                        problems.append(f"{name} in {label} by {who}: {heard[:300]}")
                    problems += [f"{name} by {who}: tells of the {what}" for what in apps.scene.leaks(heard, who)]
                    refused.add(name)
            changed = _changed(before, apps.state.held())
            assert not (problems or changed), "\n".join(["", *problems, *changed])
            may_not = {name for name in OFFERED if "N" in [letter for column, letter in ACTS[name].may.items() if column != "admin"]}
            assert may_not - refused <= {name for name in LEFT_OUT if not ACTS[name].works}, may_not - refused

    asyncio.run(play())
