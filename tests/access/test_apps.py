"""Every stanza handler × every actor × every thread or feed: who is answered, and that a refusal changes and tells nothing.

The expectations are stanzas.py's, written by hand. Source: product.md, Permissions; design.md, rules 5, 9 and 13.
"""

from __future__ import annotations

import asyncio
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

from clinic import ACTIONS
from tests.access.acts import ACTS
from tests.access.apps import Apps, alike, enter, said
from tests.access.conftest import Written
from tests.access.inventory import keys, said_of
from tests.access.scene import ABSENT, ACTORS, HELD_BACK, NOBODY, PEOPLE
from tests.access.stanzas import ACCOUNTS, ANYONE, COMMANDS, ECHO, MEMBERS, OWN_FEED, REFUSED, RESULT, SILENCE, SLOT, STANZAS, TRACES, Stanza
from tests.access.state import difference
from tests.support.stage import PATIENCE, Client

ID = re.compile(r" id='(\w+)'")
# What the component itself keeps of people's lists of threads, whoever asks or does not.
ITS_OWN = frozenset({"jobs", "bookmarks"})
Cell = tuple[str, str, bool]


def cells(apps: Apps, row: Stanza, key: str, who: str) -> Iterator[Cell]:
    """Yield every address that a stanza can be sent to: its label, the address, and whether it is to be answered."""
    target = key.split()[2]
    if target == "service":
        allowed = row.who == ANYONE or (row.who == ACCOUNTS and who != NOBODY)
        yield "the service", apps.server.domain, allowed and who != NOBODY
    elif target == "feed":
        for owner in (who, "eve" if who != "eve" else "ana", "absent"):
            yield f"{owner}'s feed", apps.feed_of(owner), row.who == OWN_FEED and owner == who and who != NOBODY
    else:
        for label, _uid in apps.scene.objects():
            yield label, apps.room_of(label), row.who == MEMBERS and bool(apps.scene.relation(who, label))


async def answered(client: Client, sent: str, awaited: str = "") -> list[ET.Element]:
    """Send a stanza. Returns: all that comes back until it is answered (`awaited`: the answer's id), or else until it is handled."""
    client.rooms.clear()
    client.sends(sent)
    got: list[ET.Element] = []
    while awaited and not (got and got[-1].get("id") == awaited):
        got.append(await client.hears())
    if client.jid.startswith("somebody@"):  # a stranger gets no answer to a barrier but a refusal
        client.sends(f"<iq type='get' id='barrier' to='{client.server.domain}'><ping xmlns='urn:xmpp:ping'/></iq>")
        while (one := await client.hears()).get("id") != "barrier":
            got.append(one)
        return got
    return got + await client.everything()


async def refusals(apps: Apps) -> list[str]:
    """Send everybody everything that is not for them; returns what is wrong with the answers."""
    problems = []
    for key, row in STANZAS.items():
        before = apps.state.held()
        for who in ACTORS:
            forms: dict[str, str] = {}
            for label, address, allowed in cells(apps, row, key, who):
                for number in range(len(row.xml)) if not allowed else ():
                    cell = f"{key} ({number}) to {label} by {who}"
                    sent = row.written(apps, who, address, number)
                    heard = said(await answered(apps.app(who), sent, "" if row.who == TRACES else ID.findall(sent)[0]))
                    problems += [f"{cell}: tells of the {what}" for what in set(apps.scene.leaks(heard, who)) - apps.scene.seen(sent)]
                    silent = row.who == TRACES and (who != NOBODY)
                    if silent != (heard == "") and not (row.who == TRACES and who == NOBODY):
                        problems.append(f"{cell}: expected {'silence' if silent else 'a refusal'}, got {heard[:300] or 'silence'}")
                    elif heard and ('type="error"' not in heard or 'type="result"' in heard):
                        problems.append(f"{cell}: no refusal, but {heard[:300]}")
                    forms[f"{number} {alike(heard, address.partition('@')[0], PEOPLE.get(who, ('Somebody',))[0])}"] = cell
            if len(forms) > len(row.xml):
                problems.append(f"these answer differently: {list(forms.items())}")
        changed = [table for table in difference(before, apps.state.held()) if table.partition(":")[0] not in ITS_OWN]
        if changed:
            problems.append(f"{key}: refused, and yet it changed {changed}")
    return problems


async def answers(apps: Apps) -> tuple[list[str], set[str]]:
    """Send everybody what is for them; returns what is wrong with the answers, and which markers they held."""
    problems, seen = [], set[str]()
    for key, row in STANZAS.items():
        asked = 0
        for who in PEOPLE:
            if apps.scene.role(who) in (NOBODY, "admin"):
                continue  # an account without a role in care has no messages: what it is told is a refusal, as the scene's other rows prove
            for label, address, allowed in cells(apps, row, key, who):
                for number in range(len(row.xml)) if allowed else ():
                    cell, client = f"{key} ({number}) to {label} by {who}", apps.app(who)
                    if row.joined:
                        await enter(client, address, PEOPLE[who][0])
                    sent = row.written(apps, who, address, number)
                    heard = await answered(client, sent, ID.findall(sent)[0] if row.answer in (RESULT, REFUSED) else "")
                    if row.answer == ECHO and not heard:
                        heard = [await asyncio.wait_for(client.hears(), PATIENCE)]
                    problems += [f"{cell}: tells of the {what}" for what in apps.scene.leaks(said(heard), who)]
                    held_back = key.startswith("message groupchat room") and (who, label) in HELD_BACK
                    held_back |= key == SLOT and who in dict(HELD_BACK)  # it names no thread, and those are held back in all of theirs
                    if not fits(REFUSED if held_back else row.answer, heard):
                        problems.append(f"{cell}: expected {row.answer}, got {said(heard)[:400] or 'silence'}")
                    seen |= {f"{what} by {who}" for what in apps.scene.seen(said(heard))}
                    asked += 1
                    client.gone(address)
        if not asked and row.who != TRACES:
            problems.append(f"{key}: nobody was answered, so the row proves nothing")
    return problems, seen


def fits(wanted: str, heard: list[ET.Element]) -> bool:
    """Say whether an answer is of the wanted sort."""
    types = {one.get("type") for one in heard}
    if wanted == RESULT:
        return "result" in types and "error" not in types
    if wanted == REFUSED:
        return "error" in types and "result" not in types
    return (heard == []) if wanted == SILENCE else bool(heard) and "error" not in types


def test_a_stanza_is_answered_to_whom_it_is_for_and_to_nobody_else(tmp_path: Path, written: Written) -> None:
    assert set(STANZAS) == set(keys("stanza")), (
        f"Add to tests/access/stanzas.py whom these are for: {sorted(set(keys('stanza')) - set(STANZAS))}; "
        f"remove what there is no more: {sorted(set(STANZAS) - set(keys('stanza')))}"
    )

    async def play() -> None:
        async with Apps(tmp_path) as apps:
            problems = await refusals(apps)
            assert not problems, "\n".join(["", *problems])
            problems, seen = await answers(apps)
            assert not problems, "\n".join(["", *problems])
            # The control: what is looked for stands in the archives of those whom it is for.
            wanted = {f"{kind} of direct by {who}" for kind in ("text", "answer", "note") for who in ("boris", "chen")}
            assert wanted | {"text of direct by ana", "note of foreign by bruno"} <= seen
            assert "note of direct by ana" not in seen
            texts = {marker.what for marker in apps.scene.texts()}
            assert apps.scene.seen("\n".join(written.lines)) & texts == set()

    asyncio.run(play())


def test_an_iq_that_nobody_handles_is_refused_alike_everywhere(tmp_path: Path) -> None:
    async def play() -> None:
        async with Apps(tmp_path) as apps:
            for who in ("eve", "cora", "dina"):
                forms = set()
                for label in ("direct", "absent"):
                    heard = await answered(apps.app(who), f"<iq type='set' id='q' to='{apps.room_of(label)}'><query xmlns='urn:nobody'/></iq>", "q")
                    assert [one.get("type") for one in heard] == ["error"]
                    forms.add(alike(said(heard), apps.room_of(label).partition("@")[0]))
                assert len(forms) == 1, forms

    assert ABSENT
    asyncio.run(play())


def command(node: str) -> str:
    """Return what begins a command."""
    return f"<command xmlns='{COMMANDS}' node='{node}' action='execute'/>"


def test_a_command_is_offered_to_whoever_may_and_does_not_exist_for_anybody_else(tmp_path: Path) -> None:
    offers = {key.removeprefix("!"): said_of("offer", key).split()[0] for key in keys("offer")}

    async def ask(apps: Apps, who: str, address: str, node: str) -> str:
        return said(await answered(apps.app(who), f"<iq type='set' id='q' to='{address}'>{command(node)}</iq>", "q"))

    async def play() -> None:
        async with Apps(tmp_path) as apps:
            problems, begun, before = [], set[str](), apps.state.held()
            allowed: list[tuple[str, str, str]] = []
            for node, name in offers.items():
                row, in_a_room = ACTS[name], ACTS[name].on == "thread" or ACTIONS[name].offer.about is not None
                for who in (name for name in PEOPLE if apps.scene.role(name) != NOBODY):
                    forms = {}
                    for label, uid in apps.scene.objects() if in_a_room else [("", "")]:
                        address = apps.room_of(label) if uid else apps.server.domain
                        relation = apps.scene.relation(who, label) if uid else apps.scene.role(who)
                        if row.letter(relation) == "Y" and relation != "admin":
                            allowed.append((node, who, address))
                            continue
                        heard = await ask(apps, who, address, node)
                        if "item-not-found" not in heard and "forbidden" not in heard:
                            problems.append(f"!{node} in {label} by {who}: {heard[:300]}")
                        if not relation:
                            forms[alike(heard, address.partition("@")[0])] = label
                    if len(forms) > 1:
                        problems.append(f"!{node} by {who}: these answer differently {forms}")
            changed = [table for table in difference(before, apps.state.held()) if table.partition(":")[0] not in ITS_OWN]
            assert not (problems or changed), "\n".join(["", *problems, *changed])
            for node, who, address in allowed:
                heard = await ask(apps, who, address, node)
                begun |= {node} if "status=" in heard else set()
                problems += [f"!{node} by {who}: tells of the {what}" for what in apps.scene.leaks(heard, who)]
            assert not problems, "\n".join(["", *problems])
            assert {node for node, name in offers.items() if ACTS[name].works} <= begun, f"begun by nobody: {set(offers) - begun}"

    asyncio.run(play())
