"""What the live tail waits for: for who is in a thread, never for marks; and its own entries are nobody's news."""

from __future__ import annotations

import asyncio
from datetime import datetime
from pathlib import Path

import pytest

from clinic import Actor, Role
from clinic.doorbell import Doorbell, Ring
from clinic.log import Entry
from clinic.thread import relay
from clinic.thread.views import own_states
from tests.support.stage import MARKERS, PATIENCE, STANZA_ID, Stage, X, played
from xmpp_components import tail as tailing
from xmpp_components import wire
from xmpp_components.rooms import render
from xmpp_components.rooms.room import Room
from xmpp_components.tail import OVERLAP


def held_views(stage: Stage) -> asyncio.Event:
    """Holds every reading of rooms back. Returns: what lets it go on."""
    let, rooms = asyncio.Event(), stage.component.rooms
    view = rooms.view

    async def slow(uid: str) -> relay.RelayedThread | None:
        await let.wait()
        return await view(uid)

    rooms.view = slow
    return let


@played
async def test_texts_go_out_while_marks_are_read(stage: Stage) -> None:
    ana, boris = await stage.joined(stage.ana), await stage.joined(stage.boris)
    let = held_views(stage)
    room = stage.component.rooms.known(stage.thread)
    stage.component.tail.look_at_marks(room)
    stage.says(ana, "one", "m1")
    await boris.finds("<message id='m1'/>")
    assert room.pump is not None  # it is still reading
    let.set()
    await stage.until(lambda: room.pump is None)


@played
async def test_texts_wait_until_it_is_known_who_is_in_the_thread(stage: Stage) -> None:
    ana, boris = await stage.joined(stage.ana), await stage.joined(stage.boris)
    await boris.everything()
    let = held_views(stage)
    room = stage.component.rooms.known(stage.thread)
    stage.component.tail.look_again(room)
    stage.says(ana, "one", "m1")
    await stage.until(lambda: bool(room.early))
    assert await boris.everything() == []
    let.set()
    await boris.finds("<message id='m1'/>")


@played
async def test_own_rings_are_known_and_others_are_looked_at(stage: Stage) -> None:
    ana, boris = await stage.joined(stage.ana), await stage.joined(stage.boris)
    rings: list[Ring] = []
    looked_for: list[set[str | None]] = []
    receive, tail = Doorbell.receive, stage.component.tail
    look = tail._look

    async def noted(since: datetime) -> None:
        looked_for.append(set(tail._rung_for))
        await look(since)

    tail._look = noted

    def recorded(bell: Doorbell) -> list[Ring]:
        found = receive(bell)
        rings.extend(found)
        return found

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Doorbell, "receive", recorded)
        stage.says(ana, "one", "m1")
        await boris.finds("<message id='m1'/>")
        await stage.until(lambda: any(ring.by == stage.component.writer.name for ring in rings))
        # PostgreSQL's bell may only now begin to hear, and then rings for any thread.
        may_be = {None} if stage.db.engine.dialect.name == "postgresql" else set()
        assert tail._rung_for.union(*looked_for) <= may_be
        stage.writes(stage.ana, "two", "c2")
        await boris.finds("<message><body>two</body></message>")
        assert any(stage.thread in rung_for for rung_for in looked_for)


@played
async def test_an_own_entry_that_a_look_sees_before_its_sender_hears_of_it_is_not_read_again(stage: Stage) -> None:
    ana, boris = await stage.joined(stage.ana), await stage.joined(stage.boris)
    component, read, looking = stage.component, [], None
    run, view = component.writer._run, component.reader.view
    stored, tell = asyncio.Event(), asyncio.Event()

    async def late(*how: object) -> object:
        found = await run(*how)
        stored.set()
        await tell.wait()
        return found

    async def noted(actor: object, asked: object, *args: object, **kwargs: object) -> object:
        found = await view(actor, asked, *args, **kwargs)
        if asyncio.current_task() is looking or asked.__name__ != "news":  # the poll looks too
            read.append(asked.__name__)
        return found

    component.writer._run, component.reader.view = late, noted
    patched = pytest.MonkeyPatch()
    patched.setattr(tailing, "TOLD_SECONDS", PATIENCE)
    stage.says(ana, "one", "m1")
    await stored.wait()
    looking = asyncio.create_task(component.tail._look(component.db.now() - OVERLAP))
    await stage.until(lambda: "news" in read)
    await asyncio.sleep(0)
    assert not looking.done()
    component.writer._run = run
    tell.set()
    await looking
    await boris.finds("<message id='m1'/>")
    assert "_version_and_entries" not in read
    patched.undo()


@played
async def test_who_answers_from_an_app_is_shown_to_have_read(stage: Stage) -> None:
    ana, boris = await stage.joined(stage.ana), await stage.joined(stage.boris)
    stage.says(ana, "one", "m1")
    uid = (await ana.finds("<message id='m1'/>")).find(STANZA_ID).get("id")

    def state() -> str:
        with stage.db.read(stage.ana.actor) as work:
            return {state.uid: state.state for state in own_states(work, stage.thread)}[uid]

    await stage.until(lambda: state() == "delivered")
    stage.says(boris, "two", "m2")
    await ana.finds(f"<message from='{stage.room}/Boris Brandt'><displayed xmlns='{MARKERS}' id='{uid}'/></message>")


@played
async def test_marks_that_two_people_set_on_pages_one_right_after_the_other_are_both_shown_soon(stage: Stage) -> None:
    ana = await stage.joined(stage.ana)
    uid = stage.writes(stage.ana, "one", "c1")
    await ana.finds("<message><body>one</body></message>")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(tailing, "MARKS_UNRUNG_SECONDS", 10 * PATIENCE)
        patched.setattr(tailing, "MARKS_SECONDS", 2.0)  # the second comes before so much has passed
        for who in (stage.chen, stage.boris):
            stage.db.perform(who.actor, "thread.mark", stage.thread, entry=uid, state="read")
            if who is stage.chen:
                await ana.finds(f"<message from='{stage.room}/Chen Cheng'><displayed xmlns='{MARKERS}' id='{uid}'/></message>")
        await ana.finds(f"<message from='{stage.room}/Boris Brandt'><displayed xmlns='{MARKERS}' id='{uid}'/></message>")


@played
async def test_a_component_that_stops_while_marks_are_written_writes_them_all(stage: Stage) -> None:
    stage.cast.link("ana", "bella")
    threads = {stage.thread: stage.boris.actor, stage.cast.start("bella", "ana"): stage.cast.bella}
    ana, uids = stage.client(stage.ana), {}
    for thread, actor in threads.items():
        uids[thread] = stage.db.perform(actor, "text.post", thread, body="one", client_id="c1").entries[0].uid
        ana.sends(f"<presence to='{thread}@{stage.server.domain}/Ana Alvarez'><x xmlns='{X}'><history maxstanzas='1'/></x></presence>")
        await ana.finds("<message type='groupchat'><subject/></message>")

    def read() -> list[str]:
        found = []
        for thread, actor in threads.items():
            with stage.db.read(actor) as work:
                found += [thread for state in own_states(work, thread) if state.uid == uids[thread] and state.state == "read"]
        return found

    for thread, uid in uids.items():
        ana.sends(f"<message to='{thread}@{stage.server.domain}' type='groupchat' id='k'><displayed xmlns='{MARKERS}' id='{uid}'/></message>")
    await stage.until(lambda: len(read()) == 1)
    await stage.stop()
    assert len(read()) == 2
    await stage.start()


@played
async def test_a_stream_that_ends_while_the_log_is_read_leaves_no_hole(stage: Stage) -> None:
    ana = await stage.joined(stage.ana)
    stage.server.answers_pings = False
    for number in range(3):
        stage.writes(stage.boris, f"text {number}", f"c{number}")
        await ana.finds(f"<message><body>text {number}</body></message>")
    reader, let, reading = stage.component.reader, asyncio.Event(), asyncio.Event()
    view = reader.view

    async def slow(actor: object, asked: object, *args: object, **kwargs: object) -> object:
        found = await view(actor, asked, *args, **kwargs)
        if asked.__name__ == "_version_and_entries" and not let.is_set():
            reading.set()
            await let.wait()
        return found

    reader.view = slow
    stage.writes(stage.boris, "text 3", "c3")
    await reading.wait()
    stage.server.cut()
    await stage.until(lambda: not stage.component.stream.online)
    let.set()
    heard = [(await ana.finds("<message><body/></message>")).findtext("{jabber:component:accept}body") for _ in range(4)]
    assert heard == [f"text {number}" for number in range(4)]
    stage.server.answer_pings()


def test_an_entry_that_cannot_be_told_holds_up_no_other_and_its_words_stay_out_of_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    @played
    async def play(stage: Stage) -> None:
        ana, boris = await stage.joined(stage.ana), await stage.joined(stage.boris)
        component, live = stage.component, render.live

        def fails(room: Room, entry: Entry, reader: Role) -> wire.Stanza:
            if entry.body == "secret words":
                raise RuntimeError(entry.body)
            return live(room, entry, reader)

        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(render, "live", fails)
            handed_in = [
                component.submit(Actor.xmpp(stage.ana.handle), "text.post", stage.thread, body=body, client_id=body, earlier_client_id=None, message_id=None)
                for body in ("secret words", "one", "two")
            ]
            done = await asyncio.wait_for(asyncio.gather(*handed_in), PATIENCE)
            assert [one.entries[0].body for one in done] == ["secret words", "one", "two"]
            for client in (ana, boris):
                await client.finds("<message><body>one</body></message>")
                await client.receives("<message><body>two</body></message>")
        stage.says(ana, "three", "m3")
        await boris.finds("<message id='m3'/>")

    play(tmp_path)
    assert "a callback or a task failed: RuntimeError" in caplog.text
    assert "secret words" not in caplog.text


@played
async def test_a_mark_that_was_put_back_gives_way_to_a_newer_one_only(stage: Stage) -> None:
    await stage.joined(stage.ana)
    marks, key = stage.component.marks, (stage.thread, stage.boris.handle, "read", True)
    for put_back, meanwhile, counts in ((9, 7, 9), (7, 9, 9)):
        marks._taken = {key: (meanwhile, "meanwhile")}
        marks._put_back({key: (put_back, "before")})
        assert marks._taken[key][0] == counts
    marks._taken = {}
